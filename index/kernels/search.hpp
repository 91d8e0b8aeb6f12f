// Exact top-k over one segment: plan, traverse, rescore.
//
// A query is a set of terms with float weights. The true score of a document is the float64 sum, in the order of the
// query's terms, of weight * value[length code][impact], rounded once to float32. The traversal works on integers: each
// posting adds contribution(w, impact) to a 16-bit accumulator, with w the weight in fixed point. The two differ by at
// most a proven margin (`Plan::margin`), so keeping every document within the margin of the k-th integer score and scoring
// those exactly gives the true top k, ties by ascending ordinal.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "segment.hpp"
#include "simd.hpp"

namespace spaniel {

// The float side of one field under one scorer.
struct ValueTable {
  const double* value;            // [256 length codes][256 impacts], 0 at impact 0: of a term that does not occur
  const double* exception_value;  // one for each of the segment's exceptions (of any field)
  double step;                    // value is about step * impact
  double error_low, error_high;   // bounds of value - step * impact over all postings of the field
};

struct QueryTerm {
  Term term;
  uint32_t field;
  double weight;  // > 0, finite
};

enum class Schedule : uint8_t { automatic, windows, blocks, bmp };  // bmp: bmp.hpp

struct Request {
  std::span<const QueryTerm> terms;  // distinct
  std::span<const ValueTable> tables;  // one per field
  uint32_t k = 10;
  const uint64_t* allowed = nullptr;  // a bit for each document, null: all
  uint32_t n_excluded = 0;            // how many bits of `allowed` are 0
  Schedule schedule = Schedule::automatic;
  // Approximations, named as in their papers; 1, 1 and 0 are exact. alpha: stop at blocks whose bound times alpha is under
  // the threshold (Mallia et al., SIGIR 2024). beta: the share of query terms kept, heaviest first (same). gamma: visit only
  // the gamma blocks of highest bound, 0: all (superblock budget, arXiv:2602.02883).
  double alpha = 1, beta = 1;
  uint32_t gamma = 0;
  double mu = 1, eta = 1;  // of `bmp` alone: see bmp.hpp
};

struct Scored {
  float score;
  uint32_t ordinal;
};

struct Trace {
  Schedule schedule = Schedule::automatic;
  uint64_t postings = 0;  // of the query's terms in this segment
  uint64_t added = 0;     // added by the traversal
  uint32_t blocks = 0, blocks_visited = 0, candidates = 0;
};

// What a thread needs to run queries; grows to the largest segment, reused, never shared.
struct Workspace {
  std::vector<uint16_t> accumulator = std::vector<uint16_t>(65536 + 64);
  std::vector<uint32_t> hits = std::vector<uint32_t>(kWindow + 64);
  std::vector<uint16_t> slots = std::vector<uint16_t>(65536);
  std::vector<uint32_t> marked = std::vector<uint32_t>(2048), selected = std::vector<uint32_t>(65536 + 64);
  std::vector<uint16_t> column = std::vector<uint16_t>(kWindow);
  std::vector<uint16_t> copied_doc, bound;
  std::vector<uint32_t> walked_start, order;
  std::vector<uint8_t> walked_max;
  std::vector<uint64_t> candidates, scratch;
  std::vector<double> exact;
  std::vector<uint32_t> docs, rows;
  std::vector<uint8_t> impact;
  std::vector<uint16_t> super_bound;
  std::vector<uint64_t> super_sum;
  std::vector<uint32_t> bucket;
};

// The top k of the segment by (descending score, ascending ordinal). O(postings of the terms + documents / 32) at worst.
std::vector<Scored> search(const Segment& segment, const Request& request, Workspace& workspace, Trace* trace = nullptr);

// The same by scoring every posting in float64: the oracle, and the road for scorers the stored impacts do not fit.
std::vector<Scored> search_exhaustive(const Segment& segment, const Request& request, Workspace& workspace);

}  // namespace spaniel
