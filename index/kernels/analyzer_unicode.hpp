// Code points: UTF-8 in and out, classes, lower case, white space.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "unicode_tables.hpp"

namespace spaniel {

constexpr uint32_t kReplacement = 0xFFFD;

struct CodePoint {
  uint32_t value;
  uint32_t length;  // bytes
};

// Never reads past the end. Lone surrogates (which Python strings can hold) decode to themselves and belong to class OTHER; any
// other malformed byte decodes to U+FFFD, one byte at a time.
inline CodePoint decode(const char* text, size_t left) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead >= 0xC2 && lead < 0xE0 && left >= 2 && tail(1)) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (lead >= 0xE0 && lead < 0xF0 && left >= 3 && tail(1) && tail(2)) {
    const uint32_t value = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    if (value >= 0x800) return {value, 3};
  }
  if (lead >= 0xF0 && lead < 0xF5 && left >= 4 && tail(1) && tail(2) && tail(3)) {
    const uint32_t value = (lead & 7) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    if (value >= 0x10000 && value < 0x110000) return {value, 4};
  }
  return {kReplacement, 1};
}

// Writes one code point, at most four bytes, and returns how many. Tokens are always valid UTF-8: a surrogate becomes U+FFFD.
inline size_t encode(uint32_t c, char* to) {
  if (c >= 0xD800 && c < 0xE000) c = kReplacement;
  const auto tail = [c](int shift) { return static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    to[0] = static_cast<char>(c);
    return 1;
  }
  if (c < 0x800) {
    to[0] = static_cast<char>(0xC0 | c >> 6), to[1] = tail(0);
    return 2;
  }
  if (c < 0x10000) {
    to[0] = static_cast<char>(0xE0 | c >> 12), to[1] = tail(6), to[2] = tail(0);
    return 3;
  }
  to[0] = static_cast<char>(0xF0 | c >> 18), to[1] = tail(12), to[2] = tail(6), to[3] = tail(0);
  return 4;
}

inline unicode::Class class_of(uint32_t c) {
  using namespace unicode;
  return static_cast<Class>(kClasses[kBlockOf[c >> 8] << 8 | (c & 0xFF)]);
}

inline uint32_t find_lower(uint32_t c) {
  using namespace unicode;
  size_t low = 0, high = std::size(kLowerRuns);
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (kLowerRuns[middle].end < c) low = middle + 1;
    else high = middle;
  }
  if (low == std::size(kLowerRuns) || c < kLowerRuns[low].start) return c;
  const LowerRun& run = kLowerRuns[low];
  return (c - run.start) % run.step ? c : c + run.delta;
}

// Lower case of the first 0x600 code points (Latin, Greek, Cyrillic, Armenian) by table; the rest is searched.
struct LowerTable {
  std::array<uint16_t, 0x600> value;
  LowerTable() {
    for (uint32_t c = 0; c < value.size(); ++c) value[c] = static_cast<uint16_t>(find_lower(c));
  }
};
inline const LowerTable kLower;

inline uint32_t lower(uint32_t c) { return c < kLower.value.size() ? kLower.value[c] : c < 0x10A0 ? c : find_lower(c); }

inline bool is_space(uint32_t c) {
  return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace spaniel
