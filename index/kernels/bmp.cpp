// See bmp.hpp. First the index, then the search.
#include "bmp.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "plan.hpp"
#include "topk.hpp"

namespace spaniel {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr uint32_t kListBytes = 5;  // of an entry in a list of maxima, against one a block in a row

[[noreturn]] void corrupt(const char* what) { throw std::out_of_range(what); }

// Calls add(document, impact) for every posting of a term, documents strictly ascending.
template <typename Add>
void for_postings(const Segment& segment, uint32_t id, Add add) {
  std::optional<Term> term = segment.find(segment.term_text(id));
  if (!term || term->id != id) corrupt("the vocabulary is out of order");
  uint32_t next = 0, n_docs = segment.layout.n_docs;
  auto checked = [&](uint32_t doc, uint8_t impact) {
    if (doc < next || doc >= n_docs) corrupt("a list is out of order");
    next = doc + 1;
    add(doc, impact);
  };
  if (term->kind == TermClass::rare) {
    for (uint32_t i = term->ref; i < term->ref + term->df; ++i) checked(segment.rare_doc[i], segment.rare_impact[i]);
  } else if (term->kind == TermClass::dense) {
    const uint8_t* row = segment.dense_impact.data() + static_cast<size_t>(term->ref) * segment.layout.dense_stride;
    for (uint32_t doc = 0; doc < n_docs; ++doc) {
      if (row[doc]) checked(doc, row[doc]);
    }
  } else {
    const uint32_t* starts = segment.window_starts(*term);
    for (uint32_t w = 0; w < segment.layout.n_windows; ++w) {
      for (uint32_t i = starts[w]; i < starts[w + 1]; ++i) checked(w * kWindow + segment.list_doc[i], segment.list_impact[i]);
    }
  }
}

}  // namespace

// How many entries and postings each block has; then, while the arrays are filled, where its next ones go.
struct BlockIndex::Counts {
  std::vector<uint32_t> entries, postings;
};

BlockIndex::BlockIndex(const Segment& segment, uint32_t block_docs, uint32_t superblock)
    : block_docs_(block_docs), superblock_(superblock), n_docs_(segment.layout.n_docs) {
  if (block_docs < 8 || block_docs > 256) throw std::invalid_argument("a block has 8 to 256 documents");
  if (superblock == 1 || superblock > 256) throw std::invalid_argument("a superblock has 2 to 256 blocks");
  n_blocks_ = (n_docs_ + block_docs - 1) / block_docs;
  n_superblocks_ = superblock ? (n_blocks_ + superblock - 1) / superblock : 0;
  fill(segment, count(segment));
  if (superblock) add_superblocks();
}

BlockIndex::Counts BlockIndex::count(const Segment& segment) {
  Counts counts{std::vector<uint32_t>(n_blocks_), std::vector<uint32_t>(n_blocks_)};
  uint64_t n_postings = 0;
  for (uint32_t id = 0; id < segment.term_end.size(); ++id) {
    uint32_t last = kNone;
    for_postings(segment, id, [&](uint32_t doc, uint8_t) {
      uint32_t block = doc / block_docs_;
      counts.entries[block] += block != last;
      ++counts.postings[block];
      ++n_postings;
      last = block;
    });
  }
  if (n_postings >= kNone) throw std::length_error("a segment of 2^32 postings has no block index");
  return counts;
}

void BlockIndex::fill(const Segment& segment, Counts counts) {
  block_entry_.assign(n_blocks_ + 1, 0);
  uint32_t n_entries = 0, n_postings = 0;
  for (uint32_t block = 0; block < n_blocks_; ++block) {
    block_entry_[block] = n_entries;
    n_entries += std::exchange(counts.entries[block], n_entries);
    n_postings += std::exchange(counts.postings[block], n_postings);
  }
  block_entry_[n_blocks_] = n_entries;
  entry_term_.resize(n_entries);
  entry_start_.assign(n_entries + 1, n_postings);
  posting_.resize(n_postings);
  std::vector<uint32_t> first_posting = counts.postings;
  size_t n_terms = segment.term_end.size();
  max_start_.assign(n_terms + 1, 0);
  term_row_.assign(n_terms, kNone);
  for (uint32_t id = 0; id < n_terms; ++id) {
    size_t first = max_block_.size();
    uint32_t last = kNone;
    for_postings(segment, id, [&](uint32_t doc, uint8_t impact) {
      uint32_t block = doc / block_docs_;
      uint32_t at = counts.postings[block]++;
      // Both passes read the same mapped bytes; a file that changes in between must not lead outside.
      if (at >= n_postings) corrupt("the file changed while it was read");
      if (block != last) {
        uint32_t entry = counts.entries[block]++;
        if (entry >= n_entries) corrupt("the file changed while it was read");
        entry_term_[entry] = id;
        entry_start_[entry] = at;
        max_block_.push_back(block);
        max_value_.push_back(impact);
        last = block;
      } else {
        max_value_.back() = std::max(max_value_.back(), impact);
      }
      posting_[at] = static_cast<uint16_t>((doc % block_docs_) << 8 | impact);
    });
    close_term(id, first);
  }
  for (uint32_t block = 0; block < n_blocks_; ++block) {
    uint32_t end = block + 1 < n_blocks_ ? first_posting[block + 1] : n_postings;
    if (counts.entries[block] != block_entry_[block + 1] || counts.postings[block] != end) corrupt("the file changed while it was read");
  }
  max_block_.shrink_to_fit();
  max_value_.shrink_to_fit();
  rows_.shrink_to_fit();
}

// The term's list of maxima starts at `first`; turns it into a row where that is smaller.
void BlockIndex::close_term(uint32_t term, size_t first) {
  size_t n = max_block_.size() - first;
  if (n * kListBytes >= n_blocks_) {
    term_row_[term] = static_cast<uint32_t>(rows_.size() / n_blocks_);
    size_t row = rows_.size();
    rows_.resize(row + n_blocks_);
    for (size_t i = first; i < max_block_.size(); ++i) rows_[row + max_block_[i]] = max_value_[i];
    max_block_.resize(first);
    max_value_.resize(first);
  }
  max_start_[term + 1] = max_block_.size();
}

void BlockIndex::add_superblocks() {
  size_t n_rows = n_blocks_ ? rows_.size() / n_blocks_ : 0;
  super_max_.assign(n_rows * n_superblocks_, 0);
  super_sum_.assign(n_rows * n_superblocks_, 0);
  for (size_t row = 0; row < n_rows; ++row) {
    for (uint32_t block = 0; block < n_blocks_; ++block) {
      uint8_t max = rows_[row * n_blocks_ + block];
      size_t at = row * n_superblocks_ + block / superblock_;
      super_max_[at] = std::max(super_max_[at], max);
      super_sum_[at] = static_cast<uint16_t>(super_sum_[at] + max);
    }
  }
}

BlockIndex::Maxima BlockIndex::maxima(uint32_t term) const {
  if (uint32_t row = term_row_[term]; row != kNone) {
    size_t super = static_cast<size_t>(row) * n_superblocks_;
    return {rows_.data() + static_cast<size_t>(row) * n_blocks_, nullptr, nullptr, n_blocks_, super_max_.data() + super,
            super_sum_.data() + super};
  }
  uint64_t first = max_start_[term];
  return {nullptr, max_block_.data() + first, max_value_.data() + first, static_cast<uint32_t>(max_start_[term + 1] - first), nullptr,
          nullptr};
}

size_t BlockIndex::size_bytes() const {
  return max_start_.size() * 8 + (max_block_.size() + term_row_.size() + block_entry_.size() + entry_term_.size() + entry_start_.size()) * 4 +
         (super_sum_.size() + posting_.size()) * 2 + max_value_.size() + rows_.size() + super_max_.size();
}

std::shared_ptr<const BlockIndex> BlockIndexes::get(const Segment& segment, uint32_t block_docs, uint32_t superblock) {
  std::lock_guard lock(mutex_);
  std::shared_ptr<const BlockIndex>& found = made_[{block_docs, superblock}];
  if (!found) found = std::make_shared<const BlockIndex>(segment, block_docs, superblock);
  return found;
}

namespace {

class BmpSearch {
 public:
  BmpSearch(const Segment& segment, const BlockIndex& index, const Request& request, const Plan& plan, Candidates& candidates,
            Workspace& workspace, Trace& trace)
      : index_(index), request_(request), n_docs_(segment.layout.n_docs), candidates_(candidates), work_(workspace), trace_(trace) {
    for (const PlannedTerm& term : plan.terms) terms_.push_back({term.query->term.id, term.weight, index.maxima(term.query->term.id)});
    std::sort(terms_.begin(), terms_.end(), [](const BlockTerm& a, const BlockTerm& b) { return a.id < b.id; });
  }

  void run() {
    trace_.blocks = index_.n_blocks();
    if (index_.superblock()) choose_superblocks();
    bound_blocks();
    sort_blocks();
    double factor = std::min(request_.alpha, request_.eta);
    for (uint32_t i = 0; i < n_sorted_; ++i) {
      uint32_t block = work_.order[i], bound = work_.bound[block];
      if (i + 1 < n_sorted_) prefetch(work_.order[i + 1]);
      // Blocks come in steps of bounds: the first too low does not end the walk, the first step does.
      if (too_low(bound, factor)) {
        if (too_low(bound | (kStep - 1), factor)) break;
        continue;
      }
      if (index_.superblock() && skips_superblock(block / index_.superblock())) continue;
      score(block);
    }
  }

 private:
  struct BlockTerm {
    uint32_t id, weight;
    BlockIndex::Maxima maxima;
  };
  static constexpr uint32_t kShift = 5, kStep = 1 << kShift;

  // factor 1: no document under this bound can be in the top k.
  bool too_low(uint32_t bound, double factor) const { return static_cast<double>(bound) * factor < candidates_.threshold(); }

  // Carlson et al., sec. 4: skipped when both the bound and the mean of the blocks' bounds are too low.
  bool skips_superblock(uint32_t super) const {
    double mean = static_cast<double>(work_.super_sum[super]) / (256.0 * index_.superblock());
    return too_low(work_.super_bound[super], request_.mu) && mean * request_.eta < candidates_.threshold();
  }

  void choose_superblocks() {
    uint32_t n = index_.n_superblocks(), size = index_.superblock();
    work_.super_bound.assign(n, 0);
    work_.super_sum.assign(n, 0);
    for (const BlockTerm& term : terms_) {
      if (term.maxima.row) {
        kernels().add_dense(work_.super_bound.data(), term.maxima.super_max, n, term.weight);
        for (uint32_t super = 0; super < n; ++super) work_.super_sum[super] += uint64_t{term.weight} * term.maxima.super_sum[super];
        continue;
      }
      for (uint32_t i = 0; i < term.maxima.n;) {
        uint32_t super = term.maxima.block[i] / size, max = 0, sum = 0;
        for (; i < term.maxima.n && term.maxima.block[i] / size == super; ++i) {
          max = std::max<uint32_t>(max, term.maxima.max[i]);
          sum += term.maxima.max[i];
        }
        if (max) work_.super_bound[super] = static_cast<uint16_t>(work_.super_bound[super] + contribution(term.weight, max));
        work_.super_sum[super] += uint64_t{term.weight} * sum;
      }
    }
    supers_.clear();
    for (uint32_t super = 0; super < n; ++super) {
      if (work_.super_bound[super] && !skips_superblock(super)) supers_.push_back(super);
    }
    if (request_.gamma && supers_.size() > request_.gamma) {
      auto better = [&](uint32_t a, uint32_t b) {
        return work_.super_bound[a] != work_.super_bound[b] ? work_.super_bound[a] > work_.super_bound[b] : a < b;
      };
      std::nth_element(supers_.begin(), supers_.begin() + request_.gamma, supers_.end(), better);
      supers_.resize(request_.gamma);
      std::sort(supers_.begin(), supers_.end());
    }
  }

  // Term at a time, as in the paper; with superblocks only the rows' stretches in those that are left.
  void bound_blocks() {
    uint32_t n_blocks = index_.n_blocks(), size = index_.superblock();
    work_.bound.assign(n_blocks, 0);
    for (const BlockTerm& term : terms_) {
      if (!term.maxima.row) {
        for (uint32_t i = 0; i < term.maxima.n; ++i) {
          uint16_t& bound = work_.bound[term.maxima.block[i]];
          if (term.maxima.max[i]) bound = static_cast<uint16_t>(bound + contribution(term.weight, term.maxima.max[i]));
        }
      } else if (!size) {
        kernels().add_dense(work_.bound.data(), term.maxima.row, n_blocks, term.weight);
      } else {
        for (uint32_t super : supers_) {
          uint32_t first = super * size;
          kernels().add_dense(work_.bound.data() + first, term.maxima.row + first, std::min(size, n_blocks - first), term.weight);
        }
      }
    }
  }

  // Blocks that may hold a result into work_.order by descending bound, in steps of kStep (a counting sort).
  void sort_blocks() {
    std::vector<uint32_t>& place = work_.bucket;
    place.assign((65536 >> kShift) + 1, 0);
    uint32_t least = candidates_.threshold();
    for_blocks([&](uint32_t block) {
      if (work_.bound[block] >= least) ++place[(65535 - work_.bound[block]) >> kShift];
    });
    n_sorted_ = 0;
    for (uint32_t& n : place) n_sorted_ += std::exchange(n, n_sorted_);
    work_.order.resize(std::max<size_t>(work_.order.size(), n_sorted_));
    for_blocks([&](uint32_t block) {
      if (work_.bound[block] >= least) work_.order[place[(65535 - work_.bound[block]) >> kShift]++] = block;
    });
  }

  template <typename See>
  void for_blocks(See see) const {
    uint32_t n_blocks = index_.n_blocks(), size = index_.superblock();
    if (!size) {
      for (uint32_t block = 0; block < n_blocks; ++block) see(block);
      return;
    }
    for (uint32_t super : supers_) {
      for (uint32_t block = super * size; block < std::min(n_blocks, (super + 1) * size); ++block) see(block);
    }
  }

  void prefetch(uint32_t block) const {
    auto [first, last] = index_.block(block);
    __builtin_prefetch(index_.terms() + first);
    __builtin_prefetch(index_.terms() + (first + last) / 2);
    if (first != last) __builtin_prefetch(index_.entries(first).posting);
  }

  void score(uint32_t block) {
    ++trace_.blocks_visited;
    uint16_t* acc = work_.accumulator.data();
    auto [first, last] = index_.block(block);
    const uint32_t *at = index_.terms() + first, *end = index_.terms() + last;
    for (const BlockTerm& term : terms_) {
      at = std::lower_bound(at, end, term.id);
      if (at == end) break;
      if (*at != term.id) continue;
      BlockIndex::Entries entries = index_.entries(static_cast<uint32_t>(at - index_.terms()));
      trace_.added += entries.n;
      for (uint32_t i = 0; i < entries.n; ++i) {
        uint16_t& sum = acc[entries.posting[i] >> 8];
        sum = static_cast<uint16_t>(sum + contribution(term.weight, entries.posting[i] & 0xff));
      }
    }
    uint32_t first_doc = block * index_.block_docs(), n = std::min(index_.block_docs(), n_docs_ - first_doc);
    for (uint32_t i = 0; i < n; ++i) {
      uint32_t sum = std::exchange(acc[i], uint16_t{0}), doc = first_doc + i;
      if (sum < candidates_.threshold()) continue;
      if (request_.allowed && !(request_.allowed[doc / 64] >> (doc % 64) & 1)) continue;
      candidates_.add(doc, sum);
    }
  }

  const BlockIndex& index_;
  const Request& request_;
  uint32_t n_docs_, n_sorted_ = 0;
  Candidates& candidates_;
  Workspace& work_;
  Trace& trace_;
  std::vector<BlockTerm> terms_;
  std::vector<uint32_t> supers_;
};

}  // namespace

std::vector<Scored> search_bmp(const Segment& segment, const BlockIndex& index, const Request& request, Workspace& workspace,
                               Trace* trace) {
  Trace ignored;
  Trace& out = trace ? *trace : ignored;
  if (request.k == 0 || request.terms.empty() || segment.layout.n_docs == 0) return {};
  out.schedule = Schedule::bmp;
  Plan plan = make_plan(segment, request, Schedule::windows, workspace);
  out.postings = plan.postings;
  if (!plan.fits) return search_exhaustive(segment, request, workspace);
  if (request.beta < 1) {
    plan.primed = 0;  // it may come from a term that is dropped
    plan.terms.resize(std::max<size_t>(1, static_cast<size_t>(std::ceil(request.beta * static_cast<double>(plan.terms.size())))));
  }
  Candidates candidates(request.k, plan.margin, plan.primed, workspace.candidates);
  BmpSearch(segment, index, request, plan, candidates, workspace, out).run();
  std::vector<uint64_t>& kept = candidates.finish();
  out.candidates = static_cast<uint32_t>(kept.size());
  return rescore(segment, request, kept, workspace);
}

}  // namespace spaniel
