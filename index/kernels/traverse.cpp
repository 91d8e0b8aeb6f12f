// Two schedules over one kernel.
//
// `windows`: every window of 32,768 documents in turn. `blocks`: blocks of 2,048 documents in descending order of their
// bound (the sum of the terms' largest impacts in the block), until the bound falls under the threshold. Inside either,
// the terms whose bounds together cannot reach the threshold are not added for every document but looked up for the few
// that still may pass (MaxScore: Turtle and Flood, IP&M 1995; window by window as in Lucene's bulk scorer).
#include <algorithm>
#include <bit>

#include "plan.hpp"
#include "topk.hpp"

namespace spaniel {
namespace {

// Adds one looked-up term to the hits (local << 16 | score) and drops those that cannot reach `least` any more.
class Refiner {
 public:
  Refiner(uint16_t* accumulator, uint32_t* hits) : acc_(accumulator), hits_(hits) {}

  size_t apply(const Stretch& stretch, uint32_t first, size_t n_hits, uint32_t least) {
    if (stretch.n == 0) return keep(n_hits, least, [](uint32_t) { return 0u; });
    if (!stretch.doc) {
      return keep(n_hits, least, [&](uint32_t local) {
        uint32_t q = stretch.impact[local - first];
        return q ? contribution(stretch.weight, q) : 0u;
      });
    }
    // Adding the whole list costs about one step a posting, and one more to clear it; a search about twelve a hit.
    if (n_hits * 6 > stretch.n) {
      kernels().add_postings(acc_, stretch.doc, stretch.impact, stretch.n, stretch.weight);
      size_t left = keep(n_hits, least, [&](uint32_t local) { return static_cast<uint32_t>(acc_[local]); });
      for (uint32_t i = 0; i < stretch.n; ++i) acc_[stretch.doc[i]] = 0;
      return left;
    }
    return keep(n_hits, least, [&](uint32_t local) {
      const uint16_t* at = lower(stretch.doc, stretch.n, local);
      return contribution(stretch.weight, stretch.impact[at - stretch.doc]) & (0u - (*at == local));
    });
  }

 private:
  template <typename Gain>
  size_t keep(size_t n_hits, uint32_t least, Gain gain) {
    size_t left = 0;
    for (size_t i = 0; i < n_hits; ++i) {
      uint32_t hit = hits_[i], score = (hit & 0xffff) + gain(hit >> 16);
      hits_[left] = (hit & 0xffff0000u) | (score & 0xffff);
      left += score >= least;
    }
    return left;
  }
  uint16_t* acc_;
  uint32_t* hits_;
};

class Traversal {
 public:
  Traversal(const Segment& segment, const Request& request, Workspace& workspace, Candidates& candidates, Trace& trace)
      : segment_(segment), request_(request), acc_(workspace.accumulator.data()), column_(workspace.column.data()),
        hits_(workspace.hits.data()), candidates_(candidates), trace_(trace), refiner_(acc_, hits_) {}

  // Scores documents [first, first + width), which lie in one window; stretches of the query's terms by
  // descending bound in the whole segment, none empty; reorders them.
  void visit(uint32_t first, uint32_t width, Stretch* stretches, size_t n) {
    uint32_t least = candidates_.threshold(), rest = 0;
    size_t essential = n;
    while (essential > 0 && rest + stretches[essential - 1].bound < least) rest += stretches[--essential].bound;
    if (essential == 0) return;
    ++trace_.blocks_visited;
    uint64_t listed = 0;
    bool dense = false;
    for (size_t t = 0; t < essential; ++t) {
      if (stretches[t].doc) {
        listed += stretches[t].n;
      } else {
        dense = true;
      }
    }
    // Of the other terms, those that cost less to add to every document than to look up for the documents that may still
    // pass are added too: then the sweep sees nearly final scores, and few hits. About a third of the documents touched so
    // far would be looked up, at some twenty times the cost of adding a posting.
    uint64_t touched = dense ? width : listed;
    bool look_up_dense = !dense && few_hits_;
    for (size_t t = essential; t < n; ++t) {
      uint64_t cost = stretches[t].doc ? stretches[t].n : width / 24;
      if (cost > touched * kLookupCost || (!stretches[t].doc && look_up_dense)) continue;
      rest -= stretches[t].bound;
      if (stretches[t].doc) {
        listed += stretches[t].n;
      } else {
        dense = true;
      }
      std::rotate(stretches + essential, stretches + t, stretches + t + 1);
      ++essential;
    }
    uint32_t local_first = first % kWindow;
    size_t n_hits = collect(local_first, width, stretches, essential, rest, dense, listed);
    expect_hits(n_hits, width, look_up_dense);
    least = candidates_.threshold();
    for (size_t t = essential; t < n && n_hits; ++t) {
      rest -= stretches[t].bound;
      n_hits = refiner_.apply(stretches[t], local_first, n_hits, least > rest ? least - rest : 0);
    }
    emit(first - local_first, n_hits);
  }

 private:
  static constexpr uint32_t kLookupCost = 6, kManyHits = 64;

  // A dense row is read from memory as a whole to be added, and by a line a hit to be looked up: which is less shows only
  // in the number of hits. So a look-up is tried once the threshold has settled, and given up where it met many.
  void expect_hits(size_t n_hits, uint32_t width, bool looked_up_dense) {
    if (looked_up_dense && n_hits > width / kManyHits) gave_up_ = true;
    few_hits_ = !gave_up_ && candidates_.settled();
  }

  size_t collect(uint32_t local_first, uint32_t width, const Stretch* stretches, size_t essential, uint32_t rest, bool dense,
                 uint64_t listed) {
    const Kernels& simd = kernels();
    uint32_t least = candidates_.threshold() - rest;
    if (!dense && essential == 1) return from_list(stretches[0], least);
    for (size_t t = 0; t < essential; ++t) {
      const Stretch& stretch = stretches[t];
      trace_.added += stretch.n;
      if (stretch.doc) {
        simd.add_postings(acc_, stretch.doc, stretch.impact, stretch.n, stretch.weight);
      } else {
        simd.add_dense(acc_ + local_first, stretch.impact, stretch.n, stretch.weight);
      }
    }
    if (dense || listed > width / 16) {
      if (!candidates_.settled() && !request_.allowed) raise_threshold(local_first, width);
      return sweep(local_first, width, candidates_.threshold() - rest);
    }
    return from_touched(stretches, essential, least);
  }

  // The first sums of a query are many and no threshold is there to choose among them. The largest sum of each column of the
  // accumulators is that of a document of its own, so the k-th largest of them is a lower bound of the k-th best score;
  // with four columns for each result sought, a close one.
  void raise_threshold(uint32_t local_first, uint32_t width) {
    if (request_.k > width) return;
    size_t n_columns = std::bit_ceil(std::clamp<size_t>(request_.k * 4, 256, kWindow));
    std::fill_n(column_, n_columns, uint16_t{0});
    kernels().fold_max(acc_ + local_first, width, column_, n_columns);
    candidates_.raise_to_kth(column_, n_columns);
  }

  size_t sweep(uint32_t local_first, uint32_t width, uint32_t least) {
    size_t n_hits = kernels().sweep(acc_ + local_first, width, static_cast<uint16_t>(least), hits_);
    if (local_first) {
      for (size_t i = 0; i < n_hits; ++i) hits_[i] += local_first << 16;
    }
    return n_hits;
  }

  // One list needs no accumulator.
  size_t from_list(const Stretch& stretch, uint32_t least) {
    size_t n_hits = 0;
    // contribution >= least from this impact on.
    uint32_t enough = least <= 1 ? 0 : ((least - 1) * 256 + stretch.weight - 1) / std::max(stretch.weight, 1u);
    for (uint32_t i = 0; i < stretch.n; ++i) {
      if (stretch.impact[i] < enough) continue;
      hits_[n_hits] = static_cast<uint32_t>(stretch.doc[i]) << 16 | contribution(stretch.weight, stretch.impact[i]);
      n_hits += (hits_[n_hits] & 0xffff) >= least;
    }
    return n_hits;
  }

  // Few postings: going through them again is cheaper than sweeping the accumulators, and clears them on the way.
  size_t from_touched(const Stretch* stretches, size_t essential, uint32_t least) {
    size_t n_hits = 0;
    for (size_t t = 0; t < essential; ++t) {
      for (uint32_t i = 0; i < stretches[t].n; ++i) {
        uint16_t& score = acc_[stretches[t].doc[i]];
        hits_[n_hits] = static_cast<uint32_t>(stretches[t].doc[i]) << 16 | score;
        n_hits += score >= least;
        score = 0;
      }
    }
    return n_hits;
  }

  void emit(uint32_t window_first, size_t n_hits) {
    uint32_t last = 0;
    for (size_t i = 0; i < n_hits; ++i) last = std::max(last, hits_[i]);
    if (n_hits && window_first + (last >> 16) >= segment_.layout.n_docs) throw std::out_of_range("a list names a document beyond the last");
    if (request_.allowed) {
      size_t n = 0;
      for (size_t i = 0; i < n_hits; ++i) {
        uint32_t doc = window_first + (hits_[i] >> 16);
        hits_[n] = hits_[i];
        n += request_.allowed[doc / 64] >> (doc % 64) & 1;
      }
      n_hits = n;
    }
    candidates_.add(hits_, n_hits, window_first);
  }

  const Segment& segment_;
  const Request& request_;
  uint16_t *acc_, *column_;
  uint32_t* hits_;
  Candidates& candidates_;
  Trace& trace_;
  Refiner refiner_;
  bool few_hits_ = false, gave_up_ = false;
};

// The stretches of one block or window, fetched one step ahead of their use: lists lie far apart in memory, and the
// processor cannot guess where the next block of each begins.
class Upcoming {
 public:
  explicit Upcoming(size_t n_terms) : now_(n_terms), next_(n_terms) {}
  template <typename Locate>
  void fetch(const std::vector<PlannedTerm>& terms, Locate locate) {
    n_next_ = 0;
    for (const PlannedTerm& term : terms) {
      Stretch stretch = locate(term);
      if (!stretch.n) continue;
      // Dense rows are long, and often only looked up.
      for (uint32_t line = 0; line < (stretch.doc ? stretch.n : std::min(stretch.n, 128u)); line += 64) {
        if (stretch.doc) {
          __builtin_prefetch(stretch.doc + line);
          __builtin_prefetch(stretch.doc + line + 32);
        }
        __builtin_prefetch(stretch.impact + line);
      }
      next_[n_next_++] = stretch;
    }
  }
  void advance() {
    now_.swap(next_);
    n_now_ = n_next_;
  }
  Stretch* stretches() { return now_.data(); }
  size_t size() const { return n_now_; }

 private:
  std::vector<Stretch> now_, next_;
  size_t n_now_ = 0, n_next_ = 0;
};

void visit_windows(const Segment& segment, const Plan& plan, Traversal& traversal, Trace& trace) {
  uint32_t n_windows = segment.layout.n_windows;
  trace.blocks = n_windows;
  Upcoming upcoming(plan.terms.size());
  auto fetch = [&](uint32_t window) {
    upcoming.fetch(plan.terms, [&](const PlannedTerm& term) { return window_stretch(segment, term, window); });
  };
  fetch(0);
  for (uint32_t window = 0; window < n_windows; ++window) {
    upcoming.advance();
    if (window + 1 < n_windows) fetch(window + 1);
    uint32_t first = window * kWindow;
    traversal.visit(first, std::min(kWindow, segment.layout.n_docs - first), upcoming.stretches(), upcoming.size());
  }
}

void block_bounds(const Segment& segment, const Plan& plan, std::vector<uint16_t>& bound) {
  uint32_t n_blocks = segment.layout.n_blocks;
  bound.assign(n_blocks, 0);
  for (const PlannedTerm& term : plan.terms) {
    // Bounds add up exactly as scores do, by the same kernel.
    kernels().add_dense(bound.data(), term.block_max, n_blocks, term.weight);
  }
}

void visit_blocks(const Segment& segment, const Request& request, const Plan& plan, Candidates& candidates, Workspace& workspace,
                  Traversal& traversal, Trace& trace) {
  uint32_t n_blocks = segment.layout.n_blocks;
  block_bounds(segment, plan, workspace.bound);
  std::vector<uint32_t>& order = workspace.order;
  std::vector<uint64_t> by_bound;
  order.clear();
  for (uint32_t block = 0; block < n_blocks; ++block) {
    if (workspace.bound[block] >= candidates.threshold()) by_bound.push_back(static_cast<uint64_t>(workspace.bound[block]) << 32 | (n_blocks - block));
  }
  std::sort(by_bound.begin(), by_bound.end(), std::greater<>());
  if (request.gamma && by_bound.size() > request.gamma) by_bound.resize(request.gamma);
  trace.blocks = n_blocks;
  Upcoming upcoming(plan.terms.size());
  auto block_of = [&](size_t i) { return n_blocks - static_cast<uint32_t>(by_bound[i]); };
  auto fetch = [&](size_t i) {
    upcoming.fetch(plan.terms, [&](const PlannedTerm& term) { return block_stretch(segment, term, block_of(i)); });
  };
  if (!by_bound.empty()) fetch(0);
  for (size_t i = 0; i < by_bound.size(); ++i) {
    if (static_cast<double>(by_bound[i] >> 32) * request.alpha < candidates.threshold()) break;
    upcoming.advance();
    if (i + 1 < by_bound.size()) fetch(i + 1);
    uint32_t first = block_of(i) * kBlock;
    traversal.visit(first, std::min(kBlock, segment.layout.n_docs - first), upcoming.stretches(), upcoming.size());
  }
}

// The cost model of `automatic`. Adding every posting in turn costs less than choosing blocks well unless few blocks are
// left (docs/benchmarks.md, schedules), and the one thing known before any scoring is the primed threshold. So blocks are
// taken when their bounds are at hand without walking any list and less than a third of them can reach that threshold: for
// queries of one frequent term, above all. The plan of `windows` then serves both schedules.
bool blocks_pay(const Segment& segment, const Plan& plan, Workspace& workspace) {
  if (plan.primed <= plan.margin) return false;
  for (const PlannedTerm& term : plan.terms) {
    if (!term.block_max) return false;
  }
  block_bounds(segment, plan, workspace.bound);
  uint32_t least = plan.primed - plan.margin;
  auto left = std::count_if(workspace.bound.begin(), workspace.bound.end(), [least](uint16_t bound) { return bound >= least; });
  return static_cast<size_t>(left) * 3 < workspace.bound.size();
}

}  // namespace

std::vector<Scored> search(const Segment& segment, const Request& request, Workspace& workspace, Trace* trace) {
  Trace ignored;
  Trace& out = trace ? *trace : ignored;
  if (request.k == 0 || request.terms.empty() || segment.layout.n_docs == 0) return {};
  bool automatic = request.schedule == Schedule::automatic;
  bool approximate = request.alpha < 1 || request.gamma > 0;  // only blocks can be left out
  out.schedule = !automatic ? request.schedule : approximate ? Schedule::blocks : Schedule::windows;
  Plan plan = make_plan(segment, request, out.schedule, workspace);
  if (automatic && !approximate && plan.fits && blocks_pay(segment, plan, workspace)) out.schedule = Schedule::blocks;
  out.postings = plan.postings;
  if (!plan.fits) return search_exhaustive(segment, request, workspace);
  if (request.beta < 1) {
    plan.primed = 0;  // it may come from a term that is dropped
    plan.terms.resize(std::max<size_t>(1, static_cast<size_t>(std::ceil(request.beta * static_cast<double>(plan.terms.size())))));
  }
  Candidates candidates(request.k, plan.margin, plan.primed, workspace.candidates);
  Traversal traversal(segment, request, workspace, candidates, out);
  try {
    if (out.schedule == Schedule::windows) {
      visit_windows(segment, plan, traversal, out);
    } else {
      visit_blocks(segment, request, plan, candidates, workspace, traversal, out);
    }
  } catch (...) {  // a damaged segment: leave nothing behind for the next query
    std::fill(workspace.accumulator.begin(), workspace.accumulator.end(), uint16_t{0});
    throw;
  }
  std::vector<uint64_t>& kept = candidates.finish();
  out.candidates = static_cast<uint32_t>(kept.size());
  return rescore(segment, request, kept, workspace);
}

}  // namespace spaniel
