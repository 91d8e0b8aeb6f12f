// Inverts documents in memory: text in, postings by term out.
//
// Documents arrive one after another. Each distinct surface token is normalised (stemmed) once and remembered, so the
// cost of a token is one hash probe. Postings are kept in document order (term, tf) and turned into lists by one counting
// sort when a run is taken. Terms of a run are ordered by (term_hash, bytes), the order of the vocabulary on disk, so runs
// merge without comparing strings of different hashes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer.hpp"
#include "hash.hpp"

namespace spaniel {

// Open addressing from a string to its number in order of arrival; strings live in one arena. A slot holds the number and
// 32 bits of the hash, so that a probe almost always touches one cache line and then the string itself.
class StringTable {
 public:
  StringTable() : slots_(1024, kFree) {}
  // The number of `key`, `size()` before the call if it was not there.
  uint32_t insert(std::string_view key) { return insert(key, term_hash(key)); }
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & (slots_.size() - 1)]); }
  uint32_t insert(std::string_view key, uint64_t hash) {
    size_t mask = slots_.size() - 1, at = hash & mask;
    uint64_t tag = hash >> 32 << 32;
    for (uint64_t slot; (slot = slots_[at]) != kFree; at = (at + 1) & mask) {
      if ((slot ^ tag) >> 32 == 0 && view(static_cast<uint32_t>(slot)) == key) return static_cast<uint32_t>(slot);
    }
    uint32_t id = static_cast<uint32_t>(hashes_.size());
    slots_[at] = tag | id;
    hashes_.push_back(hash);
    arena_.append(key);
    ends_.push_back(arena_.size());
    if (hashes_.size() * 10 > slots_.size() * 6) grow();
    return id;
  }
  size_t size() const { return hashes_.size(); }
  std::string_view view(uint32_t id) const {
    uint64_t start = id ? ends_[id - 1] : 0;
    return {arena_.data() + start, static_cast<size_t>(ends_[id] - start)};
  }
  uint64_t hash(uint32_t id) const { return hashes_[id]; }
  size_t memory_bytes() const { return (slots_.capacity() + hashes_.capacity() + ends_.capacity()) * 8 + arena_.capacity(); }

 private:
  static constexpr uint64_t kFree = UINT64_MAX;  // no table holds 2^32 - 1 strings
  void grow() {
    slots_.assign(slots_.size() * 2, kFree);
    size_t mask = slots_.size() - 1;
    for (uint32_t id = 0; id < hashes_.size(); ++id) {
      size_t at = hashes_[id] & mask;
      while (slots_[at] != kFree) at = (at + 1) & mask;
      slots_[at] = hashes_[id] >> 32 << 32 | id;
    }
  }
  std::vector<uint64_t> slots_, hashes_, ends_;
  std::string arena_;
};

// Postings of consecutive documents, lists ordered by (term_hash, term bytes). A term is one byte, the field's number,
// followed by the analysed term.
struct Run {
  std::string term_bytes;
  std::vector<uint32_t> term_end;  // (n_terms,) end of each term in term_bytes
  std::vector<uint64_t> ptr;       // (n_terms + 1,)
  std::vector<uint32_t> doc;       // (n_postings,) ascending within a term, counted from the run's first document
  std::vector<uint16_t> tf;        // (n_postings,) 1..65535
  std::vector<uint32_t> length;    // (n_fields * n_docs,) tokens, field by field
};

class Accumulator {
 public:
  Accumulator(const Analyzer* analyzer, size_t n_fields);
  // Adds a document; texts[f] is UTF-8.
  void add_text(const std::vector<std::string_view>& texts);
  // Adds a document of ready-made (term, weight) pairs in field 0, weights 1..65535; equal terms add up.
  void add_vector(const std::vector<std::pair<std::string_view, uint32_t>>& weights);
  size_t n_docs() const { return length_.size() / n_fields_; }
  size_t n_postings() const { return forward_term_.size(); }
  size_t memory_bytes() const;
  // Everything added since the last run; the accumulator is empty afterwards.
  Run take_run();

 private:
  static constexpr uint32_t kDropped = UINT32_MAX;
  void count(uint32_t term, uint32_t times);
  uint32_t term_of_surface(size_t field, std::string_view surface, uint64_t hash);

  const Analyzer* analyzer_;
  size_t n_fields_;
  std::vector<StringTable> surfaces_;               // one per field
  std::vector<std::vector<uint32_t>> surface_term_;  // surface number -> term number or kDropped
  StringTable terms_;
  std::vector<uint64_t> last_slot_;  // term number -> 1 + its latest place in the forward arrays
  std::vector<uint32_t> forward_term_;
  std::vector<uint16_t> forward_tf_;
  std::vector<uint64_t> doc_start_;
  std::vector<uint32_t> length_;  // document by document, n_fields each
  Tokens scratch_;
  std::vector<uint64_t> scratch_hash_;
  std::string normal_, key_;
};

}  // namespace spaniel
