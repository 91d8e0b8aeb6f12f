// Search over binary codes: the k rows whose signs agree best with a float query, exactly.
//
// An integer pass over all codes keeps every row that the proven error of its tables cannot exclude from the top k; these
// are scored again in float64 in the order of additions that index/dense/binary_reference.py defines, rounded to float32 and
// ranked by (-score, row). docs/adr/0007-binary-scan.md has the bound.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace spaniel {

// Arrays of one part, as they lie in its file. With lists, the rows of list l are at places 64 list_start[l] and after, and
// `row` says which they are; a place that holds none has row 0xffffffff and is at the end of its list.
struct BinaryCodes {
  uint32_t n_rows = 0, dimension = 0, n_bytes = 0;
  float scale = 1, largest_factor = 1;
  std::span<const float> centre;       // (dimension,)
  std::span<const float> weights;      // (dimension, 8 n_bytes), or empty for the identity
  std::span<const uint8_t> codes;      // (n_blocks, n_bytes, 64)
  std::span<const uint16_t> factor;    // (64 n_blocks,) float16, or empty
  std::span<const float> list_centre;  // (dimension, n_lists), or empty
  std::span<const uint32_t> list_start;  // (n_lists + 1,), in blocks
  std::span<const uint32_t> row;         // (64 n_blocks,)

  size_t n_blocks() const { return n_bytes ? codes.size() / (64 * static_cast<size_t>(n_bytes)) : 0; }
  size_t n_lists() const { return list_start.empty() ? 0 : list_start.size() - 1; }
  // Throws std::invalid_argument unless all sizes fit together and list_start ascends within the blocks.
  void check() const;
};

struct BinaryHit {
  uint32_t row;
  float score;
};

struct BinaryOptions {
  uint32_t k = 10;
  uint32_t n_probe = 0;                // lists to visit; 0 for all
  std::span<const uint64_t> allowed;   // a bit a row, (ceil(n_rows / 64),), or empty for all
  unsigned threads = 1;
  std::function<void()> pause;         // called now and then by the calling thread
};

// queries: (n, dimension), finite. Throws std::overflow_error when a query turned by the weights is not finite, std::out_of_range
// when `row` names a row that does not exist.
std::vector<std::vector<BinaryHit>> binary_search(const BinaryCodes& codes, std::span<const float> queries, const BinaryOptions& options);

}  // namespace spaniel
