// Merges runs or segments by term, and documents by a map: the one road from spilled runs, or from older segments, to a
// new segment.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "decode.hpp"

namespace spaniel {

constexpr uint32_t kDead = UINT32_MAX;

// Terms in order of (term_hash, bytes), each with its documents ascending. Document d becomes map[d], or base + d when the
// map is empty; kDead drops it.
class MergeInput {
 public:
  struct List {
    std::span<const uint32_t> doc;
    std::span<const uint16_t> tf;
  };
  MergeInput(std::span<const uint32_t> map, uint32_t base) : map(map), base(base) {}
  virtual ~MergeInput() = default;
  virtual size_t n_terms() const = 0;
  virtual std::string_view term(size_t i) const = 0;
  // What they give is valid until the next call of either.
  virtual std::span<const uint32_t> docs(size_t i) = 0;
  virtual List list(size_t i) = 0;

  const std::span<const uint32_t> map;
  const uint32_t base;
};

// A run in memory or in a mapped file.
class RunInput final : public MergeInput {
 public:
  struct Arrays {
    std::span<const char> term_bytes;
    std::span<const uint32_t> term_end;
    std::span<const uint64_t> ptr;
    std::span<const uint32_t> doc;
    std::span<const uint16_t> tf;
  };
  // Throws std::invalid_argument when the arrays do not fit together: they may come from a file.
  RunInput(const Arrays& arrays, std::span<const uint32_t> map, uint32_t base);
  size_t n_terms() const override { return run_.term_end.size(); }
  std::string_view term(size_t i) const override;
  std::span<const uint32_t> docs(size_t i) override { return run_.doc.subspan(run_.ptr[i], run_.ptr[i + 1] - run_.ptr[i]); }
  List list(size_t i) override { return {docs(i), run_.tf.subspan(run_.ptr[i], run_.ptr[i + 1] - run_.ptr[i])}; }

 private:
  Arrays run_;
};

// A segment, decoded term by term: what is in memory is one list. Its methods throw std::out_of_range at damage.
class SegmentInput final : public MergeInput {
 public:
  // decoded: (256, 256) for each field; segment and tables must outlive this.
  SegmentInput(const Segment& segment, std::vector<const uint16_t*> decoded, std::span<const uint32_t> map);
  size_t n_terms() const override { return segment_.term_end.size(); }
  std::string_view term(size_t i) const override { return segment_.term_text(static_cast<uint32_t>(i)); }
  std::span<const uint32_t> docs(size_t i) override;
  List list(size_t i) override;

 private:
  Term read(size_t i);
  const Segment& segment_;
  std::vector<const uint16_t*> decoded_;
  Postings postings_;
  std::vector<uint16_t> tf_;
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
  explicit Merger(std::vector<std::unique_ptr<MergeInput>> inputs);
  Merger(const Merger&) = delete;
  Merger(Merger&&) = default;
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
  std::vector<std::unique_ptr<MergeInput>> inputs_;
  std::vector<Cursor> cursors_;
};

}  // namespace spaniel
