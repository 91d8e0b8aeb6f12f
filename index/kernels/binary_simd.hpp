// The inner loops of the scan over binary codes, chosen once for the processor at hand (AVX-512, AVX2 or portable).
//
// Codes lie in blocks of 64 rows, transposed: the first bytes of the 64 rows, then their second bytes, and so on. Each half
// of each byte selects one of 16 small integers by a byte shuffle, 64 rows at a time (the idea of FAISS's and ScaNN's fast scan:
// Andre, Kermarrec and Le Scouarnec, VLDB 2015).
#pragma once

#include <cstddef>
#include <cstdint>

namespace spaniel {

constexpr size_t kBlockRows = 64;

struct BinaryKernels {
  const char* name;
  // acc[64 b + i] = 1 + the sum over bytes g of tables[32 g + low half] + tables[32 g + 16 + high half] of code i of block b.
  // The largest of tables[32 g ...] and the largest of tables[32 g + 16 ...] add up to at most 255, all sums to less than 65,535.
  void (*sums)(const uint8_t* codes, size_t n_blocks, size_t n_bytes, const uint8_t* tables, uint16_t* acc);
  // acc[i] = factor[i] * (a * acc[i] + b) + c, cut to an integer; factors are float16. n is a multiple of 64. What lies
  // outside of 0 ... 65,535 gives any value.
  void (*weigh)(uint16_t* acc, const uint16_t* factor, size_t n, float a, float b, float c);
  // acc[i] = 0 for i < 64 where bit i of `allowed` is 0.
  void (*mask)(uint16_t* acc, uint64_t allowed);
  // out[i] += value * row[i] for i < n, each product rounded before it is added.
  void (*add_scaled)(float* out, const float* row, size_t n, float value);
};

// Those that `kernels()` of simd.hpp names: `use_kernels` switches both.
const BinaryKernels& binary_kernels();

// The value of a float16.
float half_to_float(uint16_t half);

}  // namespace spaniel
