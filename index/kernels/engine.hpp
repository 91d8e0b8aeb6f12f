// A whole index as the kernels see it: several segments under corpus-wide statistics, and queries as text.
//
// Statistics are summed over the segments, less what deleted passages had, so scores equal those of one segment that
// never held the deleted passages.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer.hpp"
#include "bmp.hpp"
#include "search.hpp"

namespace spaniel {

// How a term's document frequency becomes a weight. N: documents with a value in the field; df as usual; logs are natural.
enum class Idf : uint8_t {
  one,        // 1: learned sparse vectors
  lucene,     // ln(1 + (N - df + 0.5) / (df + 0.5))
  robertson,  // max(0, ln((N - df + 0.5) / (df + 0.5))); a term in over half of the documents counts nothing
  atire,      // ln(N / df)
  bm25l,      // ln((N + 1) / (df + 0.5))
  bm25plus,   // ln((N + 1) / df)
};
double idf_weight(Idf idf, uint64_t df, uint64_t n_docs);

struct EngineSegment {
  const Segment* segment = nullptr;
  std::vector<ValueTable> tables;         // one per field
  std::span<const uint64_t> live;         // a bit a document, empty: all live
  uint32_t n_dead = 0;
  std::span<const uint32_t> dead_term;    // ascending term ids, with how many dead documents hold each
  std::span<const uint32_t> dead_df;
  BlockIndexes* block_indexes = nullptr;  // of the segment; needed by Schedule::bmp
};

struct Options {
  uint32_t k = 10;
  Schedule schedule = Schedule::automatic;
  double alpha = 1, beta = 1;
  uint32_t gamma = 0;
  double mu = 1, eta = 1;
  uint32_t block_docs = 32, superblock = 0;  // of Schedule::bmp
  bool exhaustive = false;
  // Allowed documents of each segment (already without the dead), or empty: all live ones.
  std::vector<std::span<const uint64_t>> allowed;
  std::vector<uint32_t> n_excluded;
};

struct WeightedTerm {
  std::string key;  // the field's byte and the term
  uint32_t field;
  double boost;  // the query's own weight, before idf
};

class Engine {
 public:
  Engine(Idf idf, std::vector<double> field_weights, std::vector<uint64_t> field_docs)
      : idf_(idf), field_weights_(std::move(field_weights)), field_docs_(std::move(field_docs)) {}
  void add(EngineSegment segment) { segments_.push_back(std::move(segment)); }
  size_t n_segments() const { return segments_.size(); }

  // Distinct terms in order of first appearance, each once for every field; a repeated term counts as often as it occurs.
  std::vector<WeightedTerm> terms_of(const Tokens& tokens) const;
  // Corpus-wide document frequency.
  uint64_t df(std::string_view key) const;
  // The top k over all segments by (descending score, ascending ordinal).
  std::vector<Scored> search(const std::vector<WeightedTerm>& terms, const Options& options, Workspace& workspace,
                             Trace* trace = nullptr) const;
  // Many queries on `threads` threads; the result does not depend on their number. The calling thread runs `pause`
  // between two queries a few times a second; what it throws ends the search.
  std::vector<std::vector<Scored>> search_all(const std::vector<std::vector<WeightedTerm>>& queries, const Options& options,
                                              unsigned threads, const std::function<void()>& pause = {}) const;

  // Workspaces are kept between calls, so a query allocates next to nothing.
  std::unique_ptr<Workspace> borrow() const;
  void give_back(std::unique_ptr<Workspace> workspace) const;

 private:
  Idf idf_;
  std::vector<double> field_weights_;
  std::vector<uint64_t> field_docs_;
  std::vector<EngineSegment> segments_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace spaniel
