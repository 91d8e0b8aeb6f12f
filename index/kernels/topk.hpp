// The running threshold of a top-k search, and the candidates that may still be in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

namespace spaniel {

// Candidates are kept while their integer score is within `margin` of the k-th best integer score. The running k-th best
// comes from a histogram of scores in steps of 64 (a thousandth of the range, well inside any margin), so that a candidate
// costs O(1) whatever k is; the exact one is selected once, at the end.
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

  void add(uint32_t doc, uint32_t score) {
    kept_.push_back(static_cast<uint64_t>(score) << 32 | doc);
    uint32_t step = score >> kShift;
    ++count_[step];
    if (step < level_) return;
    // above_ counts candidates of steps >= level_; level_ is the highest step with at least k at or above it.
    if (++above_ - count_[level_] >= k_) {
      while (above_ - count_[level_] >= k_) above_ -= count_[level_++];
      raise(level_ << kShift);
      if (kept_.size() >= limit_) drop();
    }
  }
  // A lower bound of the k-th best integer score found elsewhere.
  void raise(uint32_t kth) {
    if (kth > margin_) threshold_ = std::max(threshold_, kth - margin_);
  }
  // Drops what the final threshold excludes; the survivors keep the order of arrival.
  std::vector<uint64_t>& finish(std::vector<uint64_t>& scratch) {
    drop();
    if (kept_.size() > k_) {
      scratch.assign(kept_.begin(), kept_.end());
      std::nth_element(scratch.begin(), scratch.begin() + (k_ - 1), scratch.end(), std::greater<>());
      raise(static_cast<uint32_t>(scratch[k_ - 1] >> 32));
      drop();
    }
    return kept_;
  }

 private:
  static constexpr uint32_t kShift = 6;

  void drop() {
    std::erase_if(kept_, [this](uint64_t c) { return c >> 32 < threshold_; });
    limit_ = kept_.size() + 4 * static_cast<size_t>(k_) + 4096;
  }

  uint32_t k_, margin_, threshold_ = 1, level_ = 0, above_ = 0;
  std::vector<uint64_t>& kept_;
  size_t limit_;
  uint32_t count_[65536 >> kShift];
};

}  // namespace spaniel
