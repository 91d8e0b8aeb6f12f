// The inner loops of the sparse kernels. Those in `Kernels` are chosen once at load for the processor at hand (AVX-512, AVX2
// or portable).
//
// All scores here are uint16 and cannot wrap: the caller scales the weights so that the largest possible sum of
// contributions is at most 65,535 (plan.cpp, `units`).
#pragma once

#include <cstddef>
#include <cstdint>

namespace spaniel {

// What a posting of impact q adds under the fixed-point weight w: never 0, so that a match always leaves a mark.
inline uint16_t contribution(uint32_t w, uint32_t q) { return static_cast<uint16_t>(((w * q) >> 8) + 1); }

// The last of n >= 1 ascending documents that is <= local, or the first one where all are greater. Halving without branches.
inline const uint16_t* lower(const uint16_t* doc, uint32_t n, uint32_t local) {
  while (n > 1) {
    uint32_t half = n / 2;
    doc += doc[half] <= local ? half : 0;
    n -= half;
  }
  return doc;
}

struct Kernels {
  const char* name;
  // acc[doc[i]] += contribution(w, impact[i]) for i < n. The documents of one list are distinct.
  void (*add_postings)(uint16_t* acc, const uint16_t* doc, const uint8_t* impact, size_t n, uint32_t w);
  // acc[i] += contribution(w, impact[i]) where impact[i] is not 0, for i < n.
  void (*add_dense)(uint16_t* acc, const uint8_t* impact, size_t n, uint32_t w);
  // Appends every i < n with acc[i] >= threshold (threshold >= 1) to `hits`, in ascending order, as i << 16 | acc[i];
  // zeroes acc[0, n). Returns how many. `hits` has room for n + 16.
  size_t (*sweep)(uint16_t* acc, size_t n, uint16_t threshold, uint32_t* hits);
  // Writes to `found`, ascending, every i < n whose document has its bit set (bits: 65,536); returns how many. `found` has
  // room for n + 16.
  size_t (*select)(const uint16_t* doc, size_t n, const uint32_t* bits, uint32_t* found);
  // column[i % n_columns] = the largest of acc[i] and what is there, for i < n.
  void (*fold_max)(const uint16_t* acc, size_t n, uint16_t* column, size_t n_columns);
  // The largest of n bytes, 0 when n is 0.
  uint8_t (*max_byte)(const uint8_t* values, size_t n);
};

// The best kernels this processor runs.
const Kernels& kernels();
// By name ("avx512", "avx2", "portable"), or nullptr when the processor lacks them: for tests and benchmarks.
const Kernels* kernels_named(const char* name);
// Switches `kernels()`; false when the processor lacks them.
bool use_kernels(const char* name);

}  // namespace spaniel
