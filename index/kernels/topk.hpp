// The running threshold of a top-k search, and the candidates that may still be in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace spaniel {

// Candidates are kept while their integer score is within `margin` of the k-th best integer score. The k-th best comes from
// a histogram of scores in steps of 32 (a two-thousandth of the range, well inside any margin), brought up to date once a
// batch, so that a candidate costs O(1) and no branch whatever k is.
class Candidates {
 public:
  Candidates(uint32_t k, uint32_t margin, uint32_t primed, std::vector<uint64_t>& kept)
      : k_(k), margin_(margin), kept_(kept), limit_(4 * static_cast<size_t>(k) + 4096) {
    kept_.clear();
    std::memset(count_, 0, sizeof count_);
    raise(primed);
  }
  // Documents under this integer score cannot be in the true top k; at least 1.
  uint32_t threshold() const { return threshold_; }

  // Whether there have been k candidates, so that the threshold is more than what priming gave.
  bool settled() const { return level_ > 0; }

  // Hits are local << 16 | score; document numbers are first + local.
  void add(const uint32_t* hits, size_t n_hits, uint32_t first) {
    size_t n = kept_.size();
    kept_.resize(n + n_hits);
    uint64_t* out = kept_.data() + n;
    for (size_t i = 0; i < n_hits; ++i) {
      uint32_t score = hits[i] & 0xffff, step = score >> kShift;
      out[i] = static_cast<uint64_t>(score) << 32 | (first + (hits[i] >> 16));
      ++count_[step];
      above_ += step >= level_;
    }
    if (above_ < k_) return;
    // above_ counts candidates of steps >= level_; level_ is the highest step with at least k at or above it.
    while (above_ - count_[level_] >= k_) above_ -= count_[level_++];
    raise(level_ << kShift);
    if (kept_.size() >= limit_) drop();
  }
  void add(uint32_t doc, uint32_t score) { add(&score, 1, doc); }
  // A lower bound of the k-th best integer score found elsewhere.
  void raise(uint32_t kth) {
    if (kth > margin_) threshold_ = std::max(threshold_, kth - margin_);
  }
  // The same from the integer scores of different documents, whichever they are.
  void raise_to_kth(const uint16_t* scores, size_t n) {
    constexpr uint32_t shift = 6, steps = 65536 >> shift;
    uint16_t count[4][steps] = {};  // four, because most scores are alike and an increment waits for the one before
    for (size_t i = 0; i < n; ++i) ++count[i % 4][scores[i] >> shift];
    uint32_t above = 0, step = steps;
    while (step > 0 && above < k_) {
      --step;
      above += count[0][step] + count[1][step] + count[2][step] + count[3][step];
    }
    if (above >= k_) raise(step << shift);
  }
  // Drops what the final threshold excludes; the survivors keep the order of arrival.
  std::vector<uint64_t>& finish() {
    drop();
    return kept_;
  }

 private:
  static constexpr uint32_t kShift = 5;

  void drop() {
    size_t n = 0;
    for (uint64_t candidate : kept_) {
      kept_[n] = candidate;
      n += candidate >> 32 >= threshold_;
    }
    kept_.resize(n);
    limit_ = n + 4 * static_cast<size_t>(k_) + 4096;
  }

  uint32_t k_, margin_, threshold_ = 1, level_ = 0, above_ = 0;
  std::vector<uint64_t>& kept_;
  size_t limit_;
  uint32_t count_[65536 >> kShift];
};

}  // namespace spaniel
