// See simd.hpp. One body per instruction set; the portable one is also what the others are tested against.
#include "simd.hpp"

// g++ 12 warns of its own AVX-512 intrinsics (gcc bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"

#include <atomic>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#define SPANIEL_X86 1
#endif

namespace spaniel {
namespace {

void add_postings_portable(uint16_t* acc, const uint16_t* doc, const uint8_t* impact, size_t n, uint32_t w) {
  for (size_t i = 0; i < n; ++i) acc[doc[i]] += contribution(w, impact[i]);
}

void add_dense_portable(uint16_t* acc, const uint8_t* impact, size_t n, uint32_t w) {
  for (size_t i = 0; i < n; ++i) {
    if (impact[i]) acc[i] += contribution(w, impact[i]);
  }
}

size_t sweep_portable(uint16_t* acc, size_t n, uint16_t threshold, uint32_t* hits) {
  size_t found = 0;
  for (size_t i = 0; i < n; ++i) {
    hits[found] = static_cast<uint32_t>(i) << 16 | acc[i];
    found += acc[i] >= threshold;
  }
  std::memset(acc, 0, n * sizeof(uint16_t));
  return found;
}

size_t select_portable(const uint16_t* doc, size_t n, const uint32_t* bits, uint32_t* found) {
  size_t n_found = 0;
  for (size_t i = 0; i < n; ++i) {
    found[n_found] = static_cast<uint32_t>(i);
    n_found += bits[doc[i] >> 5] >> (doc[i] & 31) & 1;
  }
  return n_found;
}

inline __attribute__((always_inline)) void fold_max_any(const uint16_t* acc, size_t n, uint16_t* column, size_t n_columns) {
  for (size_t first = 0; first < n; first += n_columns) {
    size_t width = n - first < n_columns ? n - first : n_columns;
    for (size_t j = 0; j < width; ++j) column[j] = column[j] > acc[first + j] ? column[j] : acc[first + j];
  }
}
void fold_max_portable(const uint16_t* acc, size_t n, uint16_t* column, size_t n_columns) { fold_max_any(acc, n, column, n_columns); }

uint8_t max_byte_portable(const uint8_t* values, size_t n) {
  uint8_t best = 0;
  for (size_t i = 0; i < n; ++i) best = values[i] > best ? values[i] : best;
  return best;
}

constexpr Kernels kPortable{"portable", add_postings_portable, add_dense_portable, sweep_portable, select_portable, fold_max_portable, max_byte_portable};

#if SPANIEL_X86

// A dense row is read at a steady pace, but the processor's own prefetching stops at the end of each page of 4 KB.
constexpr size_t kAhead = 4096;

// The products are made 16 or 32 at a time; only the scattered additions are scalar, since no instruction set scatters
// 16-bit words. Eight postings' documents come in with two 64-bit loads.
inline __attribute__((always_inline)) void scatter8(uint16_t* acc, const uint16_t* doc, const uint16_t* gain) {
  uint64_t a, b, x, y;
  std::memcpy(&a, doc, 8);
  std::memcpy(&b, doc + 4, 8);
  std::memcpy(&x, gain, 8);
  std::memcpy(&y, gain + 4, 8);
  acc[a & 0xffff] += static_cast<uint16_t>(x);
  acc[a >> 16 & 0xffff] += static_cast<uint16_t>(x >> 16);
  acc[a >> 32 & 0xffff] += static_cast<uint16_t>(x >> 32);
  acc[a >> 48] += static_cast<uint16_t>(x >> 48);
  acc[b & 0xffff] += static_cast<uint16_t>(y);
  acc[b >> 16 & 0xffff] += static_cast<uint16_t>(y >> 16);
  acc[b >> 32 & 0xffff] += static_cast<uint16_t>(y >> 32);
  acc[b >> 48] += static_cast<uint16_t>(y >> 48);
}

__attribute__((target("avx2"))) void add_postings_avx2(uint16_t* acc, const uint16_t* doc, const uint8_t* impact, size_t n,
                                                        uint32_t w) {
  const __m256i weight = _mm256_set1_epi16(static_cast<short>(w));
  const __m256i one = _mm256_set1_epi16(1);
  alignas(32) uint16_t gain[16];
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    __m256i q = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(impact + i)));
    // w * q >> 8 for w < 65,536 and q < 256: the high half of (q << 8) * w.
    __m256i product = _mm256_add_epi16(_mm256_mulhi_epu16(_mm256_slli_epi16(q, 8), weight), one);
    _mm256_store_si256(reinterpret_cast<__m256i*>(gain), product);
    scatter8(acc, doc + i, gain);
    scatter8(acc, doc + i + 8, gain + 8);
  }
  for (; i < n; ++i) acc[doc[i]] += contribution(w, impact[i]);
}

__attribute__((target("avx2"))) void add_dense_avx2(uint16_t* acc, const uint8_t* impact, size_t n, uint32_t w) {
  const __m256i weight = _mm256_set1_epi16(static_cast<short>(w));
  const __m256i one = _mm256_set1_epi16(1);
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    __builtin_prefetch(impact + i + kAhead);
    __m256i q = _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(impact + i)));
    __m256i product = _mm256_mulhi_epu16(_mm256_slli_epi16(q, 8), weight);
    product = _mm256_add_epi16(product, _mm256_min_epu16(q, one));
    __m256i* place = reinterpret_cast<__m256i*>(acc + i);
    _mm256_storeu_si256(place, _mm256_add_epi16(_mm256_loadu_si256(place), product));
  }
  add_dense_portable(acc + i, impact + i, n - i, w);
}

__attribute__((target("avx2,bmi,popcnt"))) size_t sweep_avx2(uint16_t* acc, size_t n, uint16_t threshold, uint32_t* hits) {
  const __m256i least = _mm256_set1_epi16(static_cast<short>(threshold));
  size_t found = 0, i = 0;
  for (; i + 32 <= n; i += 32) {
    __m256i* place = reinterpret_cast<__m256i*>(acc + i);
    __m256i low = _mm256_loadu_si256(place), high = _mm256_loadu_si256(place + 1);
    __m256i low_hit = _mm256_cmpeq_epi16(_mm256_max_epu16(low, least), low);
    __m256i high_hit = _mm256_cmpeq_epi16(_mm256_max_epu16(high, least), high);
    __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi16(low_hit, high_hit), 0xd8);
    uint32_t mask = static_cast<uint32_t>(_mm256_movemask_epi8(both));
    while (mask) {
      uint32_t j = static_cast<uint32_t>(i) + static_cast<uint32_t>(__builtin_ctz(mask));
      hits[found++] = j << 16 | acc[j];
      mask &= mask - 1;
    }
    _mm256_storeu_si256(place, _mm256_setzero_si256());
    _mm256_storeu_si256(place + 1, _mm256_setzero_si256());
  }
  for (; i < n; ++i) {
    if (acc[i] >= threshold) hits[found++] = static_cast<uint32_t>(i) << 16 | acc[i];
    acc[i] = 0;
  }
  return found;
}

__attribute__((target("avx2"))) void fold_max_avx2(const uint16_t* acc, size_t n, uint16_t* column, size_t n_columns) {
  fold_max_any(acc, n, column, n_columns);
}

__attribute__((target("avx2"))) uint8_t max_byte_avx2(const uint8_t* values, size_t n) {
  __m256i best = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= n; i += 32) best = _mm256_max_epu8(best, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(values + i)));
  alignas(32) uint8_t lanes[32];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), best);
  uint8_t top = max_byte_portable(lanes, 32), rest = max_byte_portable(values + i, n - i);
  return top > rest ? top : rest;
}

#define SPANIEL_AVX512 "avx512f,avx512bw,avx512vl,bmi,bmi2,popcnt"

__attribute__((target(SPANIEL_AVX512))) void add_postings_avx512(uint16_t* acc, const uint16_t* doc, const uint8_t* impact,
                                                                  size_t n, uint32_t w) {
  const __m512i weight = _mm512_set1_epi16(static_cast<short>(w));
  const __m512i one = _mm512_set1_epi16(1);
  alignas(64) uint16_t gain[32];
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    __m512i q = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(impact + i)));
    _mm512_store_si512(gain, _mm512_add_epi16(_mm512_mulhi_epu16(_mm512_slli_epi16(q, 8), weight), one));
    scatter8(acc, doc + i, gain);
    scatter8(acc, doc + i + 8, gain + 8);
    scatter8(acc, doc + i + 16, gain + 16);
    scatter8(acc, doc + i + 24, gain + 24);
  }
  for (; i < n; ++i) acc[doc[i]] += contribution(w, impact[i]);
}

__attribute__((target(SPANIEL_AVX512))) void add_dense_avx512(uint16_t* acc, const uint8_t* impact, size_t n, uint32_t w) {
  const __m512i weight = _mm512_set1_epi16(static_cast<short>(w));
  const __m512i one = _mm512_set1_epi16(1);
  size_t i = 0;
  for (; i + 32 <= n; i += 32) {
    __builtin_prefetch(impact + i + kAhead);
    __m512i q = _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(impact + i)));
    __m512i product = _mm512_mulhi_epu16(_mm512_slli_epi16(q, 8), weight);
    product = _mm512_add_epi16(product, _mm512_min_epu16(q, one));
    _mm512_storeu_si512(acc + i, _mm512_add_epi16(_mm512_loadu_si512(acc + i), product));
  }
  add_dense_portable(acc + i, impact + i, n - i, w);
}

// hits[found...] = index << 16 | value for the lanes of `mask`, by compression: no branch a hit.
__attribute__((target(SPANIEL_AVX512))) inline size_t append_hits(uint32_t* hits, __m512i values, uint32_t mask, __m512i index) {
  __m512i low = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(values));
  __m512i high = _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(values, 1));
  __m512i high_index = _mm512_add_epi32(index, _mm512_set1_epi32(16 << 16));
  __mmask16 low_mask = static_cast<__mmask16>(mask), high_mask = static_cast<__mmask16>(mask >> 16);
  size_t n_low = static_cast<size_t>(__builtin_popcount(low_mask));
  // Compressed in the register and stored whole: compressing to memory is microcoded on some processors.
  _mm512_storeu_si512(hits, _mm512_maskz_compress_epi32(low_mask, _mm512_or_si512(low, index)));
  _mm512_storeu_si512(hits + n_low, _mm512_maskz_compress_epi32(high_mask, _mm512_or_si512(high, high_index)));
  return n_low + static_cast<size_t>(__builtin_popcount(high_mask));
}

// Registers with a hit are a branch each while they are rare. Where they are not, the branch would be guessed wrong as often
// as not: there it is first noted for 64 registers, 4 KB, which of them hold a hit, and then only these are read again.
__attribute__((target(SPANIEL_AVX512))) size_t sweep_avx512(uint16_t* acc, size_t n, uint16_t threshold, uint32_t* hits) {
  const __m512i least = _mm512_set1_epi16(static_cast<short>(threshold));
  const __m512i zero = _mm512_setzero_si512();
  const __m512i lanes = _mm512_slli_epi32(_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), 16);
  size_t found = 0, i = 0;
  bool many = false;
  while (i + 32 <= n) {
    size_t last = i + 2048 <= n ? i + 2048 : n - n % 32, before = found;
    uint64_t holds = 0;
    if (many) {
      for (size_t j = i; j < last; j += 32) {
        __mmask32 mask = _mm512_cmpge_epu16_mask(_mm512_loadu_si512(acc + j), least);
        holds |= static_cast<uint64_t>(mask != 0) << ((j - i) / 32);
      }
      for (; holds; holds &= holds - 1) {
        size_t at = i + static_cast<size_t>(__builtin_ctzll(holds)) * 32;
        __m512i values = _mm512_loadu_si512(acc + at);
        __m512i index = _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(at << 16)));
        found += append_hits(hits + found, values, _mm512_cmpge_epu16_mask(values, least), index);
      }
      for (; i < last; i += 32) _mm512_storeu_si512(acc + i, zero);
    } else {
      for (; i < last; i += 32) {
        __m512i values = _mm512_loadu_si512(acc + i);
        uint32_t mask = _mm512_cmpge_epu16_mask(values, least);
        if (mask) found += append_hits(hits + found, values, mask, _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(i << 16))));
        _mm512_storeu_si512(acc + i, zero);
      }
    }
    many = found - before > 4;
  }
  for (; i < n; ++i) {
    if (acc[i] >= threshold) hits[found++] = static_cast<uint32_t>(i) << 16 | acc[i];
    acc[i] = 0;
  }
  return found;
}

__attribute__((target(SPANIEL_AVX512))) size_t select_avx512(const uint16_t* doc, size_t n, const uint32_t* bits, uint32_t* found) {
  __m512i index = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i sixteen = _mm512_set1_epi32(16), low5 = _mm512_set1_epi32(31), one = _mm512_set1_epi32(1);
  size_t n_found = 0, i = 0;
  for (; i + 16 <= n; i += 16) {
    __m512i docs = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(doc + i)));
    __m512i words = _mm512_i32gather_epi32(_mm512_srli_epi32(docs, 5), bits, 4);
    __mmask16 hit = _mm512_test_epi32_mask(_mm512_srlv_epi32(words, _mm512_and_si512(docs, low5)), one);
    _mm512_storeu_si512(found + n_found, _mm512_maskz_compress_epi32(hit, index));
    n_found += static_cast<size_t>(__builtin_popcount(hit));
    index = _mm512_add_epi32(index, sixteen);
  }
  for (; i < n; ++i) {
    if (bits[doc[i] >> 5] >> (doc[i] & 31) & 1) found[n_found++] = static_cast<uint32_t>(i);
  }
  return n_found;
}

__attribute__((target(SPANIEL_AVX512))) void fold_max_avx512(const uint16_t* acc, size_t n, uint16_t* column, size_t n_columns) {
  fold_max_any(acc, n, column, n_columns);
}

constexpr Kernels kAvx2{"avx2", add_postings_avx2, add_dense_avx2, sweep_avx2, select_portable, fold_max_avx2, max_byte_avx2};
constexpr Kernels kAvx512{"avx512", add_postings_avx512, add_dense_avx512, sweep_avx512, select_avx512, fold_max_avx512, max_byte_avx2};

#endif  // SPANIEL_X86

const Kernels* best_kernels() {
  for (const char* name : {"avx512", "avx2"}) {
    if (const Kernels* found = kernels_named(name)) return found;
  }
  return &kPortable;
}

std::atomic<const Kernels*> current{nullptr};

}  // namespace

const Kernels* kernels_named(const char* name) {
#if SPANIEL_X86
  __builtin_cpu_init();
  if (!std::strcmp(name, "avx512") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("bmi2")) {
    return &kAvx512;
  }
  if (!std::strcmp(name, "avx2") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")) return &kAvx2;
#endif
  return std::strcmp(name, "portable") ? nullptr : &kPortable;
}

const Kernels& kernels() {
  const Kernels* chosen = current.load(std::memory_order_relaxed);
  if (!chosen) {
    chosen = best_kernels();
    current.store(chosen, std::memory_order_relaxed);
  }
  return *chosen;
}

bool use_kernels(const char* name) {
  const Kernels* found = kernels_named(name);
  if (found) current.store(found, std::memory_order_relaxed);
  return found != nullptr;
}

}  // namespace spaniel
