// A query made ready for one segment: integer weights, bounds, and where each term's postings lie.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "search.hpp"

namespace spaniel {

// One term's postings in one block (or window): a list, or a stretch of a dense row when `doc` is null.
struct Stretch {
  const uint16_t* doc;
  const uint8_t* impact;
  uint32_t n, bound, weight;
};

struct PlannedTerm {
  const QueryTerm* query;
  uint32_t weight;  // fixed point, < 65,536
  uint8_t max_impact;
  uint32_t bound;  // contribution(weight, max_impact)
  const uint16_t* doc;   // of the whole list, null for dense terms
  const uint8_t* impact;
  const uint32_t* window_start;  // medium and long: absolute starts; `base` is the list's first
  uint32_t base;
  // Walked terms (rare in both schedules, medium in `blocks`): their part of Workspace::walked_start and walked_max.
  const uint32_t* walked_start;
  const uint8_t* walked_max;
  // `blocks`: the largest impact of each block, and of long terms each block's start within its window.
  const uint8_t* block_max;
  const uint16_t* block_start;
};

struct Plan {
  std::vector<PlannedTerm> terms;  // by descending bound
  uint32_t margin = 0;
  uint32_t primed = 0;
  uint64_t postings = 0;
  bool fits = true;  // false: the integer scores say too little; score exhaustively
};

// Chooses weights so that no sum of contributions can pass 65,535, and proves the margin (search.hpp). With
// C units per score, w = floor(C * 256 * step * weight) and y = C * step * weight * impact:
//   contribution = (w * impact >> 8) + 1 lies in (y - 1, y + 1], and C * weight * value in y + C * weight * [error_low, error_high],
// so over n terms the scaled true score minus the integer score lies in [-n + C sum weight error_low, n + C sum weight error_high].
Plan make_plan(const Segment& segment, const Request& request, Schedule schedule, Workspace& workspace);

// The term's postings in a block of 2,048 documents (`blocks`) or in a window of 32,768 (`windows`).
Stretch block_stretch(const Segment& segment, const PlannedTerm& term, uint32_t block);
Stretch window_stretch(const Segment& segment, const PlannedTerm& term, uint32_t window);

// float64 scores of the candidates (score << 32 | local document), then the best k of them.
std::vector<Scored> rescore(const Segment& segment, const Request& request, std::vector<uint64_t>& candidates,
                            Workspace& workspace);

}  // namespace spaniel
