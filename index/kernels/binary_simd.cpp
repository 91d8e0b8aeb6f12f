// See binary_simd.hpp. One body per instruction set; the portable one is also what the others are tested against.
#include "binary_simd.hpp"

// g++ 12 warns of its own AVX-512 intrinsics (gcc bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include <bit>
#include <cstring>

#include "simd.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#define SPANIEL_X86 1
#endif

namespace spaniel {

float half_to_float(uint16_t half) {
  uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | fraction << 13);
  // Subnormal ones are multiples of 2**-24.
  if (exponent == 0) return (sign ? -1.0f : 1.0f) * static_cast<float>(fraction) * 0x1p-24f;
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

namespace {

void sums_portable(const uint8_t* codes, size_t n_blocks, size_t n_bytes, const uint8_t* tables, uint16_t* acc) {
  for (size_t b = 0; b < n_blocks; ++b, acc += kBlockRows) {
    for (size_t i = 0; i < kBlockRows; ++i) acc[i] = 1;
    for (size_t g = 0; g < n_bytes; ++g, codes += kBlockRows) {
      const uint8_t *low = tables + 32 * g, *high = low + 16;
      for (size_t i = 0; i < kBlockRows; ++i) acc[i] = static_cast<uint16_t>(acc[i] + low[codes[i] & 15] + high[codes[i] >> 4]);
    }
  }
}

void weigh_portable(uint16_t* acc, const uint16_t* factor, size_t n, float a, float b, float c) {
  for (size_t i = 0; i < n; ++i) {
    float value = half_to_float(factor[i]) * (a * acc[i] + b) + c;
    acc[i] = value > 0 && value < 65536 ? static_cast<uint16_t>(value) : 65535;  // NaN too
  }
}

void mask_portable(uint16_t* acc, uint64_t allowed) {
  for (size_t i = 0; i < kBlockRows; ++i) acc[i] = allowed >> i & 1 ? acc[i] : 0;
}

void add_scaled_portable(float* out, const float* row, size_t n, float value) {
  for (size_t i = 0; i < n; ++i) out[i] += value * row[i];
}

constexpr BinaryKernels kPortable{"portable", sums_portable, weigh_portable, mask_portable, add_scaled_portable};

#if SPANIEL_X86

// The codes are read at a steady pace, but the processor's own prefetching stops at the end of each page of 4 KB.
constexpr size_t kAhead = 6144;

__attribute__((target("avx2"))) void sums_avx2(const uint8_t* codes, size_t n_blocks, size_t n_bytes, const uint8_t* tables,
                                               uint16_t* acc) {
  const __m256i nibble = _mm256_set1_epi8(15), one = _mm256_set1_epi16(1);
  for (size_t b = 0; b < n_blocks; ++b, acc += kBlockRows) {
    __m256i all[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()}, odd[2] = {all[0], all[0]};
    for (size_t g = 0; g < n_bytes; ++g, codes += kBlockRows) {
      __builtin_prefetch(codes + kAhead);
      __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tables + 32 * g)));
      __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tables + 32 * g + 16)));
      for (size_t h = 0; h < 2; ++h) {
        __m256i code = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes) + h);
        __m256i value = _mm256_add_epi8(_mm256_shuffle_epi8(low, _mm256_and_si256(code, nibble)),
                                        _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble)));
        // Words of two rows: the sum of both, the even one's in the low byte, and the sum of the odd ones alone.
        all[h] = _mm256_add_epi16(all[h], value);
        odd[h] = _mm256_add_epi16(odd[h], _mm256_srli_epi16(value, 8));
      }
    }
    for (size_t h = 0; h < 2; ++h) {
      __m256i even = _mm256_add_epi16(_mm256_sub_epi16(all[h], _mm256_slli_epi16(odd[h], 8)), one);
      __m256i odds = _mm256_add_epi16(odd[h], one);
      __m256i a = _mm256_unpacklo_epi16(even, odds), z = _mm256_unpackhi_epi16(even, odds);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(acc + 32 * h), _mm256_permute2x128_si256(a, z, 0x20));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(acc + 32 * h + 16), _mm256_permute2x128_si256(a, z, 0x31));
    }
  }
}

__attribute__((target("avx2,f16c"))) void weigh_avx2(uint16_t* acc, const uint16_t* factor, size_t n, float a, float b, float c) {
  const __m256 a8 = _mm256_set1_ps(a), b8 = _mm256_set1_ps(b), c8 = _mm256_set1_ps(c);
  for (size_t i = 0; i < n; i += 16) {
    __m256i part[2];
    for (size_t h = 0; h < 2; ++h) {
      __m128i* place = reinterpret_cast<__m128i*>(acc + i + 8 * h);
      __m256 value = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(_mm_loadu_si128(place)));
      __m256 weight = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(factor + i + 8 * h)));
      value = _mm256_add_ps(_mm256_mul_ps(weight, _mm256_add_ps(_mm256_mul_ps(a8, value), b8)), c8);
      part[h] = _mm256_cvttps_epi32(value);
    }
    __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi32(part[0], part[1]), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(acc + i), both);
  }
}

__attribute__((target("avx2"))) void add_scaled_avx2(float* out, const float* row, size_t n, float value) {
  const __m256 by = _mm256_set1_ps(value);
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_add_ps(_mm256_loadu_ps(out + i), _mm256_mul_ps(by, _mm256_loadu_ps(row + i))));
  }
  add_scaled_portable(out + i, row + i, n - i, value);
}

#define SPANIEL_AVX512 "avx512f,avx512bw,avx512vl,bmi,bmi2,popcnt"

// Sums of one word's two rows in the order of the rows, plus 1.
__attribute__((target(SPANIEL_AVX512))) inline void store_sums(uint16_t* acc, __m512i all, __m512i odd) {
  const __m512i one = _mm512_set1_epi16(1);
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  __m512i even = _mm512_add_epi16(_mm512_sub_epi16(all, _mm512_slli_epi16(odd, 8)), one);
  odd = _mm512_add_epi16(odd, one);
  __m512i a = _mm512_unpacklo_epi16(even, odd), z = _mm512_unpackhi_epi16(even, odd);
  _mm512_storeu_si512(acc, _mm512_permutex2var_epi64(a, first, z));
  _mm512_storeu_si512(acc + 32, _mm512_permutex2var_epi64(a, second, z));
}

__attribute__((target(SPANIEL_AVX512))) inline __m512i table_of(const uint8_t* table) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
}

__attribute__((target(SPANIEL_AVX512))) inline void add_block(__m512i code, __m512i low, __m512i high, __m512i& all, __m512i& odd) {
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512i value = _mm512_add_epi8(_mm512_shuffle_epi8(low, _mm512_and_si512(code, nibble)),
                                  _mm512_shuffle_epi8(high, _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble)));
  all = _mm512_add_epi16(all, value);
  odd = _mm512_add_epi16(odd, _mm512_srli_epi16(value, 8));
}

__attribute__((target(SPANIEL_AVX512))) void sums_avx512(const uint8_t* codes, size_t n_blocks, size_t n_bytes,
                                                          const uint8_t* tables, uint16_t* acc) {
  for (size_t b = 0; b < n_blocks; ++b, acc += kBlockRows) {
    __m512i all = _mm512_setzero_si512(), odd = all, all2 = all, odd2 = all;
    size_t g = 0;
    for (; g + 2 <= n_bytes; g += 2, codes += 2 * kBlockRows) {
      __builtin_prefetch(codes + kAhead);
      __builtin_prefetch(codes + kAhead + kBlockRows);
      add_block(_mm512_loadu_si512(codes), table_of(tables + 32 * g), table_of(tables + 32 * g + 16), all, odd);
      add_block(_mm512_loadu_si512(codes + kBlockRows), table_of(tables + 32 * g + 32), table_of(tables + 32 * g + 48), all2, odd2);
    }
    if (g < n_bytes) {
      add_block(_mm512_loadu_si512(codes), table_of(tables + 32 * g), table_of(tables + 32 * g + 16), all, odd);
      codes += kBlockRows;
    }
    store_sums(acc, _mm512_add_epi16(all, all2), _mm512_add_epi16(odd, odd2));
  }
}

__attribute__((target(SPANIEL_AVX512))) void weigh_avx512(uint16_t* acc, const uint16_t* factor, size_t n, float a, float b, float c) {
  const __m512 a16 = _mm512_set1_ps(a), b16 = _mm512_set1_ps(b), c16 = _mm512_set1_ps(c);
  for (size_t i = 0; i < n; i += 16) {
    __m256i* place = reinterpret_cast<__m256i*>(acc + i);
    __m512 value = _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(_mm256_loadu_si256(place)));
    __m512 weight = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(factor + i)));
    value = _mm512_fmadd_ps(weight, _mm512_fmadd_ps(a16, value, b16), c16);
    _mm256_storeu_si256(place, _mm512_cvtusepi32_epi16(_mm512_cvttps_epi32(value)));
  }
}

__attribute__((target(SPANIEL_AVX512))) void mask_avx512(uint16_t* acc, uint64_t allowed) {
  _mm512_storeu_si512(acc, _mm512_maskz_loadu_epi16(static_cast<__mmask32>(allowed), acc));
  _mm512_storeu_si512(acc + 32, _mm512_maskz_loadu_epi16(static_cast<__mmask32>(allowed >> 32), acc + 32));
}

__attribute__((target(SPANIEL_AVX512))) void add_scaled_avx512(float* out, const float* row, size_t n, float value) {
  const __m512 by = _mm512_set1_ps(value);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(out + i, _mm512_add_ps(_mm512_loadu_ps(out + i), _mm512_mul_ps(by, _mm512_loadu_ps(row + i))));
  }
  add_scaled_portable(out + i, row + i, n - i, value);
}

constexpr BinaryKernels kAvx2{"avx2", sums_avx2, weigh_avx2, mask_portable, add_scaled_avx2};
constexpr BinaryKernels kAvx512{"avx512", sums_avx512, weigh_avx512, mask_avx512, add_scaled_avx512};

#endif  // SPANIEL_X86

}  // namespace

const BinaryKernels& binary_kernels() {
#if SPANIEL_X86
  const char* name = kernels().name;
  if (!std::strcmp(name, "avx512")) return kAvx512;
  if (!std::strcmp(name, "avx2") && __builtin_cpu_supports("f16c")) return kAvx2;
#endif
  return kPortable;
}

}  // namespace spaniel
