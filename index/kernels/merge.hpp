// Merges runs by term, and documents by a map: the one road from spilled runs, or from decoded segments, to a new segment.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spaniel {

constexpr uint32_t kDead = UINT32_MAX;

// A run in memory or in a mapped file. Document d of the run becomes map[d], or base + d when the map is empty; kDead drops it.
struct MergeInput {
  std::span<const char> term_bytes;
  std::span<const uint32_t> term_end;
  std::span<const uint64_t> ptr;
  std::span<const uint32_t> doc;
  std::span<const uint16_t> tf;
  std::span<const uint32_t> map;
  uint32_t base = 0;
  std::string_view term(size_t i) const {
    uint32_t start = i ? term_end[i - 1] : 0;
    return {term_bytes.data() + start, term_end[i] - start};
  }
};

struct Vocabulary {
  std::string term_bytes;
  std::vector<uint32_t> term_end, df, bucket;  // bucket[b]: the first term whose hash has b in its top bits
};

struct MergedPostings {
  std::vector<uint8_t> field;  // (n_terms,) first byte of each term
  std::vector<uint64_t> ptr;   // (n_terms + 1,)
  std::vector<uint32_t> doc;   // ascending within a term
  std::vector<uint16_t> tf;
};

class Merger {
 public:
  explicit Merger(std::vector<MergeInput> inputs);
  // Every term that keeps a document, in (term_hash, bytes) order.
  Vocabulary vocabulary();
  // The postings of the next terms, about `max_postings` of them and at least one term; empty at the end.
  MergedPostings next(uint64_t max_postings);
  void rewind();

 private:
  struct Cursor {
    size_t at;
    uint64_t hash;
  };
  // Collects the inputs that hold the smallest term and moves them on; false at the end.
  bool step(std::vector<std::pair<uint32_t, size_t>>& holders);
  void load(uint32_t input);
  std::vector<MergeInput> inputs_;
  std::vector<Cursor> cursors_;
};

}  // namespace spaniel
