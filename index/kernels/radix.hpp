// Stable sort of 64-bit keys by some of their bits: for a thousand keys several times faster than comparisons.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace spaniel {

// Sorts by bits [shift, shift + bits) ascending, some at a time; equal keys keep their order.
inline void radix_sort(std::vector<uint64_t>& keys, std::vector<uint64_t>& scratch, uint32_t shift, uint32_t bits) {
  constexpr uint32_t kMostValues = 1u << 11;
  const uint32_t digit = keys.size() < 4096 ? 8 : 11;  // the counts take time too
  scratch.resize(keys.size());
  for (uint32_t done = 0; done < bits; done += digit) {
    uint32_t width = std::min(digit, bits - done), at = shift + done, mask = (1u << width) - 1;
    uint32_t count[kMostValues];
    std::fill_n(count, mask + 1, 0u);
    for (uint64_t key : keys) ++count[key >> at & mask];
    uint32_t start = 0;
    for (uint32_t v = 0; v <= mask; ++v) {
      uint32_t n = count[v];
      count[v] = start;
      start += n;
    }
    for (uint64_t key : keys) scratch[count[key >> at & mask]++] = key;
    keys.swap(scratch);
  }
}

}  // namespace spaniel
