// The hash that orders the vocabulary on disk. Its values are part of format version 1: never change it.
//
// Multiply-and-fold over 8-byte words (little-endian on every machine we run on), the length mixed in last, so that a
// trailing zero byte changes the value. Not keyed: a crafted vocabulary can only make its own buckets long.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace spaniel {

inline uint64_t term_hash(std::string_view key) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15ull;
  uint64_t hash = 0x243F6A8885A308D3ull;
  const char* p = key.data();
  size_t left = key.size();
  auto mix = [&hash](uint64_t word) {
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 29;
  };
  for (; left >= 8; left -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    mix(word);
  }
  uint64_t tail = 0;
  std::memcpy(&tail, p, left);
  mix(tail);
  mix(key.size());
  return hash ^ hash >> 32;
}

}  // namespace spaniel
