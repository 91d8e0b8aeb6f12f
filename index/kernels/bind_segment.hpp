// The Segment that Python holds: its arrays, which own the memory, and what the kernels make of them.
#pragma once

#include "arrays.hpp"
#include "bmp.hpp"
#include "segment.hpp"

namespace spaniel {

struct PySegment {
  nb::dict arrays;
  Segment segment;
  mutable BlockIndexes block_indexes = {};
};

}  // namespace spaniel
