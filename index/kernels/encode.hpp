// From postings (document, tf) by term to the arrays of the sparse part.
//
// A posting's impact is the quantised tf part of its score, 1..255, read from a table by length code and tf. The tf itself
// is not stored: the smallest tf with that impact at that length is it, and the few postings for which it is not (high
// counts in the flat of the curve) are listed as exceptions. So exact scores cost no byte a posting.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "layout.hpp"

namespace spaniel {

// One field's tables. Tf above 255 has the impact of 255 and is always an exception.
struct ImpactTable {
  const uint8_t* impact;    // [256 length codes][256 tf], 1..255
  const uint16_t* decoded;  // [256 length codes][256 impacts], the smallest tf, 0: none
};

// The next terms' share of each array, in the order of the vocabulary.
struct Encoded {
  std::vector<uint8_t> small_df;  // of rare terms, 0: see the class's df
  std::vector<uint32_t> ref;      // rare: first posting; else the row, counted through medium, long, dense
  std::vector<uint32_t> medium_df, long_df, dense_df;
  std::vector<uint32_t> rare_doc;
  std::vector<uint8_t> rare_impact;
  std::vector<uint16_t> list_doc;
  std::vector<uint8_t> list_impact;
  std::vector<uint32_t> medium_start, long_start;   // (terms, n_windows + 1)
  std::vector<uint16_t> long_block_start;           // (terms, n_blocks), counted from the window's start
  std::vector<uint8_t> long_block_max;              // (terms, n_blocks)
  std::vector<uint8_t> dense_impact, dense_block_max;
  std::vector<uint8_t> medium_top, long_top, dense_top;  // (terms, 4): largest, 10th, 100th, 1000th impact, 0: none
  std::vector<uint32_t> exception_term, exception_doc;
  std::vector<uint16_t> exception_tf;
};

class Encoder {
 public:
  // n_medium, n_long: how many terms of those classes there will be in all; references to rows count through the classes.
  Encoder(uint32_t n_docs, std::span<const uint8_t> length_code, std::vector<ImpactTable> tables, uint32_t n_medium = 0,
          uint32_t n_long = 0);
  // Terms in vocabulary order; `field` (n_terms,) picks the tables, ptr (n_terms + 1,) bounds each list in doc and tf.
  Encoded encode(std::span<const uint8_t> field, std::span<const uint64_t> ptr, std::span<const uint32_t> doc,
                 std::span<const uint16_t> tf);
  // How many exceptions those postings have, without encoding them.
  uint64_t count_exceptions(std::span<const uint8_t> field, std::span<const uint64_t> ptr, std::span<const uint32_t> doc,
                            std::span<const uint16_t> tf) const;

 private:
  void encode_list(Encoded& out, std::span<const uint32_t> doc, std::span<const uint8_t> impact, bool with_blocks);
  Layout layout_;
  std::span<const uint8_t> length_code_;  // (n_fields * n_docs,)
  std::vector<ImpactTable> tables_;
  uint32_t next_term_ = 0, next_rare_ = 0, next_list_ = 0, next_medium_ = 0, next_long_, next_dense_;
};

}  // namespace spaniel
