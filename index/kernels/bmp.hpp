// Block-max pruning over blocks of few documents: the method of Mallia, Suel and Tonellotto, "Faster Learned Sparse
// Retrieval with Block-Max Pruning" (SIGIR 2024), with superblocks on top (Carlson et al., "Dynamic Superblock Pruning for
// Fast Learned Sparse Retrieval", SIGIR 2025), and their budget of arXiv:2602.02883.
//
// A third schedule over the same segments, to compare the method with ours. Its index is derived in memory from a segment
// when it is first asked for. It sums the same integers as the other schedules and ends with the same rescoring
// (search.hpp), so with alpha = beta = mu = eta = 1 and gamma = 0 its results are theirs, ties included.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "search.hpp"

namespace spaniel {

// Largest impacts of blocks, and the postings again by block (the paper's block-max and forward index), in flat arrays.
class BlockIndex {
 public:
  // A row of a byte per block where a term is in at least a fifth of them, else a list of (block, largest impact): five bytes
  // an entry. `row` is null for lists.
  struct Maxima {
    const uint8_t* row;
    const uint32_t* block;
    const uint8_t* max;
    uint32_t n;
    const uint8_t* super_max;   // beside a row: of each superblock the largest of its blocks' maxima,
    const uint16_t* super_sum;  // and their sum
  };
  // Postings of one term in one block.
  struct Entries {
    const uint16_t* posting;  // document within the block << 8 | impact
    uint32_t n;
  };

  // block_docs: documents a block, 8 to 256. superblock: blocks a superblock, 2 to 256, or 0: none.
  // O(postings) time; throws std::out_of_range where the segment is damaged.
  BlockIndex(const Segment& segment, uint32_t block_docs, uint32_t superblock);

  uint32_t block_docs() const { return block_docs_; }
  uint32_t superblock() const { return superblock_; }
  uint32_t n_blocks() const { return n_blocks_; }
  uint32_t n_superblocks() const { return n_superblocks_; }
  size_t size_bytes() const;
  Maxima maxima(uint32_t term) const;
  // [first, last) of a block's terms, ascending, in terms(); entries(i) are the postings of the i-th.
  std::pair<uint32_t, uint32_t> block(uint32_t block) const { return {block_entry_[block], block_entry_[block + 1]}; }
  const uint32_t* terms() const { return entry_term_.data(); }
  Entries entries(uint32_t entry) const {
    return {posting_.data() + entry_start_[entry], entry_start_[entry + 1] - entry_start_[entry]};
  }

 private:
  struct Counts;
  Counts count(const Segment& segment);
  void fill(const Segment& segment, Counts counts);
  void close_term(uint32_t term, size_t first);
  void add_superblocks();

  uint32_t block_docs_, superblock_, n_docs_, n_blocks_, n_superblocks_;
  std::vector<uint64_t> max_start_;  // (n_terms + 1,): lists in max_block_ and max_value_; an empty one means a row
  std::vector<uint32_t> max_block_, term_row_;
  std::vector<uint8_t> max_value_, rows_, super_max_;
  std::vector<uint16_t> super_sum_;
  std::vector<uint32_t> block_entry_, entry_term_, entry_start_;
  std::vector<uint16_t> posting_;
};

// The block indexes of one segment, made on first use and kept; safe from many threads.
class BlockIndexes {
 public:
  std::shared_ptr<const BlockIndex> get(const Segment& segment, uint32_t block_docs, uint32_t superblock);

 private:
  std::mutex mutex_;
  std::map<std::pair<uint32_t, uint32_t>, std::shared_ptr<const BlockIndex>> made_;
};

// The top k of the segment under `Schedule::bmp`; see search().
std::vector<Scored> search_bmp(const Segment& segment, const BlockIndex& index, const Request& request, Workspace& workspace,
                               Trace* trace = nullptr);

}  // namespace spaniel
