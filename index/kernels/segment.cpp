// See segment.hpp.
#include "segment.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>
#include <string>
#include <vector>

#include "simd.hpp"

namespace spaniel {
namespace {

void expect(bool fits, const char* what) {
  if (!fits) throw std::invalid_argument(std::string("the arrays of ") + what + " do not fit together");
}

[[noreturn]] void outside(const char* what) { throw std::out_of_range(std::string(what) + " points outside the file's arrays"); }

}  // namespace

void Segment::check() {
  size_t n_terms = term_end.size(), windows = layout.n_windows + 1, blocks = layout.n_blocks;
  expect(length_code.size() == static_cast<size_t>(n_fields) * layout.n_docs, "lengths");
  expect(small_df.size() == n_terms && ref.size() == n_terms && bucket.size() >= 2 && std::has_single_bit(bucket.size() - 1), "terms");
  expect(rare_doc.size() == rare_impact.size(), "rare terms");
  expect(list_doc.size() == list_impact.size(), "lists");
  size_t n_medium = medium_df.size(), n_long = long_df.size(), n_dense = dense_df.size();
  expect(medium_top.size() == n_medium * 4 && medium_start.size() == n_medium * windows, "medium terms");
  expect(long_top.size() == n_long * 4 && long_start.size() == n_long * windows && long_block_start.size() == n_long * blocks &&
             long_block_max.size() == n_long * blocks, "long terms");
  expect(dense_top.size() == n_dense * 4 && dense_impact.size() == n_dense * layout.dense_stride &&
             dense_block_max.size() == n_dense * blocks, "dense terms");
  expect(exception_term.size() == exception_doc.size() && exception_term.size() == exception_tf.size(), "exceptions");
  expect(ordinal.empty() || ordinal.size() == layout.n_docs, "ordinals");
  checked_.reset(new std::atomic<uint8_t>[n_terms]());
}

void Segment::check_postings(const Term& term) const {
  std::atomic<uint8_t>& checked = checked_[term.id];
  if (checked.load(std::memory_order_acquire)) return;
  if (term.kind == TermClass::rare) {
    check_rare(term);
  } else if (term.kind == TermClass::dense) {
    check_dense(term);
  } else {
    check_list(term);
  }
  checked.store(1, std::memory_order_release);
}

void Segment::check_rare(const Term& term) const {
  const uint32_t* doc = rare_doc.data() + term.ref;
  for (uint32_t i = 0; i < term.df; ++i) {
    if (doc[i] >= layout.n_docs || (i && doc[i] <= doc[i - 1])) outside("a rare term's list");
  }
}

void Segment::check_list(const Term& term) const {
  const uint32_t* starts = window_starts(term);
  size_t row = static_cast<size_t>(term.ref) * layout.n_blocks;
  bool blocks = term.kind == TermClass::longer;
  if (starts[layout.n_windows] - starts[0] != term.df) outside("a list's length");
  std::array<uint32_t, 256> count{};
  std::vector<uint8_t> block_max(layout.n_blocks, 0);
  for (uint32_t window = 0; window < layout.n_windows; ++window) {
    uint32_t width = std::min(kWindow, layout.n_docs - window * kWindow), next_block = 0;
    for (uint32_t i = starts[window]; i < starts[window + 1]; ++i) {
      uint32_t local = list_doc[i], block = local / kBlock;
      if (local >= width || (i > starts[window] && local <= list_doc[i - 1])) outside("a list");
      for (; blocks && next_block <= block; ++next_block) {
        if (long_block_start[row + window * kBlocksPerWindow + next_block] != i - starts[window]) outside("a block's start");
      }
      uint8_t& max = block_max[window * kBlocksPerWindow + block];
      max = std::max(max, list_impact[i]);
      ++count[list_impact[i]];
    }
    uint32_t n = std::min(kBlocksPerWindow, layout.n_blocks - window * kBlocksPerWindow);
    for (; blocks && next_block < n; ++next_block) {
      if (long_block_start[row + window * kBlocksPerWindow + next_block] != starts[window + 1] - starts[window]) outside("a block's start");
    }
  }
  if (blocks && !std::equal(block_max.begin(), block_max.end(), long_block_max.begin() + static_cast<ptrdiff_t>(row))) {
    outside("a table of largest impacts");
  }
  check_top(term, count);
}

void Segment::check_dense(const Term& term) const {
  const uint8_t* impact = dense_impact.data() + static_cast<size_t>(term.ref) * layout.dense_stride;
  size_t row = static_cast<size_t>(term.ref) * layout.n_blocks;
  // Four counters in turn: most bytes are 0, and adding to one number waits for the addition before.
  std::array<std::array<uint32_t, 256>, 4> counts{};
  for (uint32_t block = 0; block < layout.n_blocks; ++block) {
    const uint8_t* from = impact + block * kBlock;
    uint32_t n = std::min(kBlock, layout.n_docs - block * kBlock);
    if (dense_block_max[row + block] != kernels().max_byte(from, n)) outside("a table of largest impacts");
    for (uint32_t i = 0; i < n; ++i) ++counts[i % 4][from[i]];
  }
  for (size_t q = 0; q < 256; ++q) counts[0][q] += counts[1][q] + counts[2][q] + counts[3][q];
  if (layout.n_docs - counts[0][0] != term.df) outside("a dense term's length");
  check_top(term, counts[0]);
}

void Segment::check_top(const Term& term, const std::array<uint32_t, 256>& count) const {
  std::array<uint8_t, 4> marks = top_marks(count);
  if (!std::equal(marks.begin(), marks.end(), top(term))) outside("a table of largest impacts");
}

std::string_view Segment::term_text(uint32_t id) const {
  uint32_t start = id ? term_end[id - 1] : 0, end = term_end[id];
  if (start > end || end > term_bytes.size()) outside("a term");
  return {term_bytes.data() + start, end - start};
}

Term Segment::entry(uint32_t id) const {
  if (small_df[id]) return {id, small_df[id], ref[id], TermClass::rare};
  // Longer terms: the reference is into the three classes' tables one after the other.
  uint64_t row = ref[id];
  for (TermClass kind : {TermClass::medium, TermClass::longer, TermClass::dense}) {
    std::span<const uint32_t> table = kind == TermClass::medium ? medium_df : kind == TermClass::longer ? long_df : dense_df;
    if (row < table.size()) return {id, table[row], static_cast<uint32_t>(row), kind};
    row -= table.size();
  }
  outside("a term's reference");
}

size_t Segment::bucket_of(uint64_t hash) const {
  uint32_t bits = static_cast<uint32_t>(std::bit_width(bucket.size() - 1)) - 1;
  return bits ? hash >> (64 - bits) : 0;
}

void Segment::prefetch(uint64_t hash, int stage) const {
  size_t at = bucket_of(hash);
  if (stage == 0) return __builtin_prefetch(&bucket[at]);
  uint32_t first = bucket[at];
  if (first >= term_end.size()) return;
  if (stage == 1) {
    __builtin_prefetch(&term_end[first]);
    __builtin_prefetch(&small_df[first]);
    __builtin_prefetch(&ref[first]);
  } else {
    __builtin_prefetch(term_bytes.data() + std::min<size_t>(first ? term_end[first - 1] : 0, term_bytes.size()));
  }
}

void Segment::prefetch(const Term& term) const {
  __builtin_prefetch(&checked_[term.id]);
  if (term.kind == TermClass::rare) {
    __builtin_prefetch(rare_doc.data() + term.ref);
    __builtin_prefetch(rare_impact.data() + term.ref);
    return;
  }
  __builtin_prefetch(top(term));
  if (term.kind != TermClass::dense) __builtin_prefetch(starts_of(term));
}

std::optional<Term> Segment::find(std::string_view key, uint64_t hash) const {
  size_t at = bucket_of(hash);
  uint32_t first = bucket[at], last = bucket[at + 1];
  if (first > last || last > term_end.size()) outside("a bucket of the vocabulary");
  for (uint32_t id = first; id < last; ++id) {
    if (term_text(id) != key) continue;
    Term term = entry(id);
    bool inside = term.kind != TermClass::rare || static_cast<uint64_t>(term.ref) + term.df <= rare_doc.size();
    if (!inside || term.df == 0 || term.df > layout.n_docs) outside("a term's reference");
    return term;
  }
  return std::nullopt;
}

std::pair<uint32_t, uint32_t> Segment::exceptions_of(uint32_t term) const {
  auto [first, last] = std::equal_range(exception_term.begin(), exception_term.end(), term);
  return {static_cast<uint32_t>(first - exception_term.begin()), static_cast<uint32_t>(last - exception_term.begin())};
}

const uint32_t* Segment::window_starts(const Term& term) const {
  const uint32_t* row = starts_of(term);
  for (uint32_t w = 0; w < layout.n_windows; ++w) {
    if (row[w] > row[w + 1] || row[w + 1] - row[w] > kWindow) outside("a list's start");
  }
  if (row[layout.n_windows] > list_doc.size()) outside("a list's end");
  return row;
}

const uint8_t* Segment::top(const Term& term) const {
  switch (term.kind) {
    case TermClass::medium: return medium_top.data() + static_cast<size_t>(term.ref) * 4;
    case TermClass::longer: return long_top.data() + static_cast<size_t>(term.ref) * 4;
    case TermClass::dense: return dense_top.data() + static_cast<size_t>(term.ref) * 4;
    case TermClass::rare: break;
  }
  return nullptr;
}

}  // namespace spaniel
