// Postings out of a segment's arrays: the way back from encode.hpp.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "segment.hpp"

namespace spaniel {

struct Postings {
  std::vector<uint32_t> doc;    // local, ascending
  std::vector<uint8_t> impact;
};

// A term by its place in the vocabulary. Throws std::out_of_range when there is none, or it is not where looking it up leads.
Term term_by_id(const Segment& segment, uint32_t id);

// All postings of a term in place of what `out` holds. Throws std::out_of_range when one lies outside the arrays.
void read_postings(const Segment& segment, const Term& term, Postings& out);

// The tf of each of these postings of a term, in place of what `out` holds. decoded: (256, 256) for each field
// (ImpactTable). Throws std::out_of_range when an impact stands for no tf, or the term's field does not exist.
void read_counts(const Segment& segment, const Term& term, const Postings& postings, std::span<const uint16_t* const> decoded,
                 std::vector<uint16_t>& out);

}  // namespace spaniel
