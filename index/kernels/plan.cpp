// See plan.hpp.
#include "plan.hpp"

namespace spaniel {
namespace {

constexpr uint32_t kMaxTerms = 4096;       // beyond, rounding alone would fill the accumulators
constexpr uint32_t kMaxMargin = 65535 / 4;  // beyond, almost every match would be a candidate

[[noreturn]] void corrupt(const char* what) { throw std::out_of_range(what); }

uint8_t max_impact(const Segment& segment, const Term& term) {
  if (const uint8_t* top = segment.top(term)) return top[0];
  return kernels().max_byte(segment.rare_impact.data() + term.ref, term.df);
}

// A lower bound of the k-th best integer score: a term's own k-th impact. `lost` documents may be filtered out.
uint32_t primed_threshold(const Segment& segment, const PlannedTerm& term, uint64_t k_and_lost) {
  const uint8_t* top = segment.top(term.query->term);
  if (!top || k_and_lost > 1000) return 0;
  uint8_t impact = top[k_and_lost <= 1 ? 0 : k_and_lost <= 10 ? 1 : k_and_lost <= 100 ? 2 : 3];
  return impact ? contribution(term.weight, impact) : 0;
}

// Finds the blocks (or windows) of a list that has no table of them, in one pass over its documents.
struct Walk {
  uint32_t* start;  // (n_parts + 1,)
  uint8_t* max;     // (n_parts,), zeroed
  uint32_t n_parts, next = 0;
  void add(uint32_t i, uint32_t part, uint8_t impact) {
    if (part >= n_parts || (part + 1 < next)) corrupt("a list is out of order");
    while (next <= part) start[next++] = i;
    max[part] = std::max(max[part], impact);
  }
  void close(uint32_t n) {
    while (next <= n_parts) start[next++] = n;
  }
};

void walk_rare(const Segment& segment, PlannedTerm& term, uint32_t part_docs, Walk walk, uint16_t* copied) {
  const uint32_t* doc = segment.rare_doc.data() + term.query->term.ref;
  for (uint32_t i = 0; i < term.query->term.df; ++i) {
    copied[i] = static_cast<uint16_t>(doc[i] % kWindow);
    walk.add(i, doc[i] / part_docs, term.impact[i]);
  }
  walk.close(term.query->term.df);
  term.doc = copied;
}

void walk_medium(const Segment& segment, const PlannedTerm& term, Walk walk) {
  for (uint32_t window = 0; window < segment.layout.n_windows; ++window) {
    uint32_t last = term.window_start[window + 1] - term.base;
    for (uint32_t i = term.window_start[window] - term.base; i < last; ++i) {
      walk.add(i, window * kBlocksPerWindow + term.doc[i] / kBlock, term.impact[i]);
    }
  }
  walk.close(term.window_start[segment.layout.n_windows] - term.base);
}

void locate(const Segment& segment, PlannedTerm& planned) {
  const Term& term = planned.query->term;
  segment.check_postings(term);
  size_t row = static_cast<size_t>(term.ref) * segment.layout.n_blocks;
  if (term.kind == TermClass::rare) {
    planned.impact = segment.rare_impact.data() + term.ref;
  } else if (term.kind == TermClass::dense) {
    planned.impact = segment.dense_impact.data() + static_cast<size_t>(term.ref) * segment.layout.dense_stride;
    planned.block_max = segment.dense_block_max.data() + row;
  } else {
    planned.window_start = segment.starts_of(term);
    planned.base = planned.window_start[0];
    planned.doc = segment.list_doc.data() + planned.base;
    planned.impact = segment.list_impact.data() + planned.base;
    if (term.kind == TermClass::longer) {
      planned.block_max = segment.long_block_max.data() + row;
      planned.block_start = segment.long_block_start.data() + row;
    }
  }
}

bool is_walked(TermClass kind, Schedule schedule) {
  return kind == TermClass::rare || (kind == TermClass::medium && schedule == Schedule::blocks);
}

void walk_terms(const Segment& segment, Plan& plan, Schedule schedule, Workspace& workspace) {
  uint32_t part_docs = schedule == Schedule::blocks ? kBlock : kWindow;
  uint32_t n_parts = schedule == Schedule::blocks ? segment.layout.n_blocks : segment.layout.n_windows;
  size_t n_walked = 0, n_copied = 0;
  for (const PlannedTerm& term : plan.terms) {
    n_walked += is_walked(term.query->term.kind, schedule);
    if (term.query->term.kind == TermClass::rare) n_copied += term.query->term.df;
  }
  workspace.walked_start.resize(std::max(workspace.walked_start.size(), n_walked * (n_parts + 1)));
  workspace.walked_max.resize(std::max(workspace.walked_max.size(), n_walked * n_parts));
  std::fill_n(workspace.walked_max.begin(), n_walked * n_parts, uint8_t{0});
  workspace.copied_doc.resize(std::max(workspace.copied_doc.size(), n_copied));
  size_t at = 0, copied = 0;
  for (PlannedTerm& term : plan.terms) {
    TermClass kind = term.query->term.kind;
    if (!is_walked(kind, schedule)) continue;
    Walk walk{workspace.walked_start.data() + at * (n_parts + 1), workspace.walked_max.data() + at * n_parts, n_parts};
    term.walked_start = walk.start;
    term.walked_max = walk.max;
    if (schedule == Schedule::blocks) term.block_max = walk.max;
    if (kind == TermClass::rare) {
      walk_rare(segment, term, part_docs, walk, workspace.copied_doc.data() + copied);
      copied += term.query->term.df;
    } else {
      walk_medium(segment, term, walk);
    }
    ++at;
  }
}

}  // namespace

Plan make_plan(const Segment& segment, const Request& request, Schedule schedule, Workspace& workspace) {
  Plan plan;
  plan.terms.reserve(request.terms.size());
  double total = 0, heaviest = 0, errors = 0;
  for (const QueryTerm& query : request.terms) {
    const ValueTable& table = request.tables[query.field];
    PlannedTerm term{};
    term.query = &query;
    locate(segment, term);
    term.max_impact = max_impact(segment, query.term);
    total += query.weight * table.step * term.max_impact;
    heaviest = std::max(heaviest, query.weight * table.step);
    errors += query.weight * (std::max(table.error_high, 0.0) - std::min(table.error_low, 0.0));
    plan.postings += query.term.df;
    plan.terms.push_back(term);
  }
  double n = static_cast<double>(plan.terms.size());
  if (plan.terms.size() > kMaxTerms || !(total > 0) || !std::isfinite(total)) {
    plan.fits = plan.terms.empty();
    return plan;
  }
  // A hair under the bound, so that rounding in these few operations cannot pass it.
  double units = std::min((65534.0 - n) / total, 65535.0 / (256.0 * heaviest)) * (1 - 1e-9);
  plan.margin = static_cast<uint32_t>(std::min(65535.0, std::ceil(units * errors + 2 * n) + 1));
  plan.fits = plan.margin <= kMaxMargin;
  if (!plan.fits) return plan;
  for (PlannedTerm& term : plan.terms) {
    double step = request.tables[term.query->field].step;
    term.weight = static_cast<uint32_t>(term.query->weight * step * units * 256.0);
    term.bound = contribution(term.weight, term.max_impact);
    uint64_t k_and_lost = static_cast<uint64_t>(request.k) + request.n_excluded;
    plan.primed = std::max(plan.primed, primed_threshold(segment, term, k_and_lost));
  }
  std::sort(plan.terms.begin(), plan.terms.end(), [](const PlannedTerm& a, const PlannedTerm& b) { return a.bound > b.bound; });
  walk_terms(segment, plan, schedule, workspace);
  return plan;
}

Stretch block_stretch(const Segment& segment, const PlannedTerm& term, uint32_t block) {
  uint8_t max = term.block_max[block];
  if (!max) return {nullptr, nullptr, 0, 0, 0};
  uint32_t bound = contribution(term.weight, max);
  if (term.walked_start) {
    uint32_t start = term.walked_start[block];
    return {term.doc + start, term.impact + start, term.walked_start[block + 1] - start, bound, term.weight};
  }
  uint32_t first = block * kBlock;
  if (!term.doc) return {nullptr, term.impact + first, std::min(kBlock, segment.layout.n_docs - first), bound, term.weight};
  uint32_t window = block / kBlocksPerWindow, window_start = term.window_start[window], window_end = term.window_start[window + 1];
  uint32_t start = window_start + term.block_start[block];
  bool ends_window = block % kBlocksPerWindow == kBlocksPerWindow - 1 || block + 1 == segment.layout.n_blocks;
  uint32_t end = ends_window ? window_end : window_start + term.block_start[block + 1];
  if (start > end || end > window_end) corrupt("a block's start lies outside its window");
  return {term.doc + (start - term.base), term.impact + (start - term.base), end - start, bound, term.weight};
}

Stretch window_stretch(const Segment& segment, const PlannedTerm& term, uint32_t window) {
  if (!term.doc) {
    uint32_t first = window * kWindow;
    return {nullptr, term.impact + first, std::min(kWindow, segment.layout.n_docs - first), term.bound, term.weight};
  }
  if (term.walked_start) {
    uint32_t start = term.walked_start[window], n = term.walked_start[window + 1] - start;
    return {term.doc + start, term.impact + start, n, n ? contribution(term.weight, term.walked_max[window]) : 0u, term.weight};
  }
  uint32_t start = term.window_start[window] - term.base, n = term.window_start[window + 1] - term.base - start;
  return {term.doc + start, term.impact + start, n, n ? term.bound : 0u, term.weight};
}

}  // namespace spaniel
