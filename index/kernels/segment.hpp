// The mapped arrays of one segment's sparse part, and how to find a term in them.
//
// The arrays come from a file that may be damaged or hostile. Sizes are checked once against the layout (`check`), each
// term's postings and tables when the term is first used (`check_postings`), and the rest (starts, references) where it is
// used. So no query reads outside the arrays, and none gets a result from tables that contradict the postings.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "hash.hpp"
#include "layout.hpp"

namespace spaniel {

struct Term {
  uint32_t id, df, ref;
  TermClass kind;
};

struct Segment {
  Layout layout;
  uint32_t n_fields = 1;
  std::span<const uint8_t> length_code;  // (n_fields, n_docs)
  std::span<const char> term_bytes;
  std::span<const uint32_t> term_end, bucket, ref;
  std::span<const uint8_t> small_df;  // of rare terms, 0: the term is longer
  std::span<const uint32_t> medium_df, long_df, dense_df;
  std::span<const uint32_t> rare_doc;
  std::span<const uint8_t> rare_impact;
  std::span<const uint16_t> list_doc;
  std::span<const uint8_t> list_impact;
  std::span<const uint32_t> medium_start, long_start;
  std::span<const uint16_t> long_block_start;
  std::span<const uint8_t> long_block_max, medium_top, long_top;
  std::span<const uint8_t> dense_impact, dense_block_max, dense_top;
  std::span<const uint32_t> exception_term, exception_doc;
  std::span<const uint16_t> exception_tf;
  std::span<const uint32_t> ordinal;  // empty: first_ordinal + local
  uint32_t first_ordinal = 0;

  // Throws std::invalid_argument saying which arrays do not fit together.
  void check();
  // Throws std::out_of_range when the vocabulary points outside the arrays.
  std::optional<Term> find(std::string_view key) const { return find(key, term_hash(key)); }
  std::optional<Term> find(std::string_view key, uint64_t hash) const;
  // A look-up reads five arrays one after the other, each from memory. Called for all terms of a query in turn, stage 0, 1, 2,
  // these fetch what `find` will read, and the last what a search reads of a found term first.
  void prefetch(uint64_t hash, int stage) const;
  void prefetch(const Term& term) const;
  std::string_view term_text(uint32_t id) const;
  Term entry(uint32_t id) const;  // of a term that exists; throws as find
  uint32_t ordinal_of(uint32_t local) const { return ordinal.empty() ? first_ordinal + local : ordinal[local]; }
  // Exceptions of a term: [first, last) in the exception arrays.
  std::pair<uint32_t, uint32_t> exceptions_of(uint32_t term) const;

  // Once for each term: documents ascending and inside the segment, df, block tables and all four top marks as the postings
  // say. Throws std::out_of_range. O(df) the first time, O(n_docs) for a dense term.
  void check_postings(const Term& term) const;

  // The starts of a medium or long term's windows, (n_windows + 1,), checked to lie in the lists; `starts_of` trusts that
  // `check_postings` has passed.
  const uint32_t* window_starts(const Term& term) const;
  const uint32_t* starts_of(const Term& term) const {
    const std::span<const uint32_t>& starts = term.kind == TermClass::medium ? medium_start : long_start;
    return starts.data() + static_cast<size_t>(term.ref) * (layout.n_windows + 1);
  }
  // The four top marks of a term (layout.hpp); rare terms have none.
  const uint8_t* top(const Term& term) const;

 private:
  void check_rare(const Term& term) const;
  void check_list(const Term& term) const;
  size_t bucket_of(uint64_t hash) const;
  void check_dense(const Term& term) const;
  void check_top(const Term& term, const std::array<uint32_t, 256>& count) const;  // count: of each impact, how many
  std::shared_ptr<std::atomic<uint8_t>[]> checked_;  // one for each term
};

}  // namespace spaniel
