// Work of a batch shared out over threads, the calling one among them.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace spaniel {

// Calls worker(claim) in up to `threads` threads; claim(first, count) hands out the next `group` of n pieces, false when none are left.
// `pause`, where given, is called in the calling thread about ten times a second, between two groups: it may throw, to end the batch.
// The first failure ends the batch and is thrown here, once every thread has come back.
template <typename Worker>
void share_out(size_t n, size_t group, size_t threads, const std::function<void()>& pause, const Worker& worker) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kPause{100};
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  auto work = [&](bool calling) {
    Clock::time_point paused = Clock::now();
    auto claim = [&](size_t& first, size_t& count) {
      if (calling && pause && Clock::now() >= paused + kPause) {
        pause();
        paused = Clock::now();
      }
      first = next.fetch_add(group, std::memory_order_relaxed);
      if (first >= n) return false;
      count = std::min(group, n - first);
      return true;
    };
    try {
      worker(claim);
    } catch (...) {
      std::lock_guard lock(failing);
      if (!failure) failure = std::current_exception();
      next = n;
    }
  };
  std::vector<std::jthread> pool;  // joined in any case
  try {
    for (size_t t = 1; t < std::min(threads, (n + group - 1) / group); ++t) pool.emplace_back(work, false);
  } catch (const std::system_error&) {  // no more threads to be had: those there are do the work
  }
  work(true);
  pool.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

}  // namespace spaniel
