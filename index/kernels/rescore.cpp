// Float64 scores, in the order of the query's terms: for the candidates of a traversal, or for every posting.
#include <algorithm>
#include <bit>
#include <tuple>

#include "plan.hpp"
#include "radix.hpp"

namespace spaniel {
namespace {

constexpr size_t kRadix = 64;  // from this many keys on, digits beat comparisons

constexpr uint32_t kSearchCost = 12;  // postings that can be asked in the time of looking up one candidate

// One term's postings and their values.
struct ScoredTerm {
  TermClass kind;
  uint32_t df, field, ref;
  const uint32_t* starts;  // of its windows, of medium and long terms
  uint32_t first_exception, last_exception, next = 0;  // next: of a rare term's postings
  double weight;
  const ValueTable* table;

  ScoredTerm(const Segment& segment, const Request& request, const QueryTerm& query)
      : kind(query.term.kind), df(query.term.df), field(query.field), ref(query.term.ref), weight(query.weight),
        table(&request.tables[query.field]) {
    bool listed = kind == TermClass::medium || kind == TermClass::longer;
    starts = listed ? segment.starts_of(query.term) : nullptr;
    std::tie(first_exception, last_exception) = segment.exceptions_of(query.term.id);
  }
  // row: 256 * the document's length code.
  double value(uint32_t row, uint8_t impact) const { return weight * table->value[row + impact]; }
  // The exception of a document, or last_exception.
  uint32_t exception(const Segment& segment, uint32_t doc) const {
    const uint32_t* docs = segment.exception_doc.data();
    const uint32_t* found = std::lower_bound(docs + first_exception, docs + last_exception, doc);
    return found != docs + last_exception && *found == doc ? static_cast<uint32_t>(found - docs) : last_exception;
  }
  double exception_value(uint32_t at) const { return weight * table->exception_value[at]; }
};

// Scores the candidates window by window, in each term by term: first the impacts that a term has in the candidates, 0 where
// it does not occur, then their values, which for 0 is 0.0. So nothing has to be guessed from one candidate to the next.
class Rescorer {
 public:
  // workspace.docs: the candidates, ascending.
  Rescorer(const Segment& segment, const Request& request, Workspace& workspace)
      : segment_(segment), docs_(workspace.docs), rows_(workspace.rows), impact_(workspace.impact), slots_(workspace.slots.data()),
        marked_(workspace.marked.data()), selected_(workspace.selected.data()), exact_(workspace.exact) {
    exact_.assign(docs_.size(), 0.0);
    rows_.resize(docs_.size());
    impact_.resize(docs_.size());
    terms_.reserve(request.terms.size());
    for (const QueryTerm& query : request.terms) terms_.emplace_back(segment, request, query);
  }

  void run() {
    for (size_t c = 0; c < docs_.size();) {
      uint32_t window = docs_[c] / kWindow;
      size_t last = c;
      while (last < docs_.size() && docs_[last] / kWindow == window) ++last;
      score_window(window, c, last);
      c = last;
    }
  }

 private:
  void score_window(uint32_t window, size_t first, size_t last) {
    is_marked_ = false;
    uint32_t field = UINT32_MAX;
    for (ScoredTerm& term : terms_) {
      if (field != term.field) load_lengths(field = term.field, first, last);
      if (term.kind == TermClass::dense) {
        const uint8_t* row = segment_.dense_impact.data() + static_cast<size_t>(term.ref) * segment_.layout.dense_stride;
        for (size_t c = first; c < last; ++c) impact_[c] = row[docs_[c]];
      } else if (term.kind == TermClass::rare) {
        if (!find_rare(term, window, first, last)) continue;
      } else {
        uint32_t start = term.starts[window], n = term.starts[window + 1] - start;
        if (n == 0) continue;
        if ((last - first) * kSearchCost > n) {
          ask_all(start, n, first, last);
        } else {
          search(start, n, first, last);
        }
      }
      if (term.first_exception != term.last_exception) add_exceptions(term, first, last);
      for (size_t c = first; c < last; ++c) exact_[c] += term.value(rows_[c], impact_[c]);
    }
    if (is_marked_) {
      for (size_t c = first; c < last; ++c) marked_[docs_[c] % kWindow / 32] = 0;
    }
  }

  void load_lengths(uint32_t field, size_t first, size_t last) {
    const uint8_t* codes = segment_.length_code.data() + static_cast<size_t>(field) * segment_.layout.n_docs;
    for (size_t c = first; c < last; ++c) rows_[c] = codes[docs_[c]] * 256u;
  }

  bool find_rare(ScoredTerm& term, uint32_t window, size_t first, size_t last) {
    const uint32_t* doc = segment_.rare_doc.data() + term.ref;
    while (term.next < term.df && doc[term.next] / kWindow < window) ++term.next;
    if (term.next == term.df || doc[term.next] / kWindow != window) return false;
    std::fill(impact_.begin() + static_cast<ptrdiff_t>(first), impact_.begin() + static_cast<ptrdiff_t>(last), uint8_t{0});
    const uint32_t* docs = docs_.data();
    for (; term.next < term.df && doc[term.next] / kWindow == window; ++term.next) {
      const uint32_t* found = std::lower_bound(docs + first, docs + last, doc[term.next]);
      if (found != docs + last && *found == doc[term.next]) impact_[static_cast<size_t>(found - docs)] = segment_.rare_impact[term.ref + term.next];
    }
    return true;
  }

  // Many candidates: one pass over the list, each posting asking a bitmap.
  void ask_all(uint32_t start, uint32_t n, size_t first, size_t last) {
    if (!is_marked_) {
      for (size_t c = first; c < last; ++c) {
        uint32_t local = docs_[c] % kWindow;
        marked_[local / 32] |= 1u << (local % 32);
        slots_[local] = static_cast<uint16_t>(c - first);
      }
      is_marked_ = true;
    }
    std::fill(impact_.begin() + static_cast<ptrdiff_t>(first), impact_.begin() + static_cast<ptrdiff_t>(last), uint8_t{0});
    const uint16_t* doc = segment_.list_doc.data() + start;
    const uint8_t* impact = segment_.list_impact.data() + start;
    size_t n_found = kernels().select(doc, n, marked_, selected_);
    for (size_t i = 0; i < n_found; ++i) impact_[first + slots_[doc[selected_[i]]]] = impact[selected_[i]];
  }

  // Few: each is searched by halving, without branches and without waiting for the one before.
  void search(uint32_t start, uint32_t n, size_t first, size_t last) {
    const uint16_t* doc = segment_.list_doc.data() + start;
    const uint8_t* impact = segment_.list_impact.data() + start;
    for (size_t c = first; c < last; ++c) {
      uint16_t local = static_cast<uint16_t>(docs_[c] % kWindow);
      const uint16_t* at = lower(doc, n, local);
      uint8_t there = impact[at - doc];
      impact_[c] = *at == local ? there : uint8_t{0};
    }
  }

  void add_exceptions(const ScoredTerm& term, size_t first, size_t last) {
    for (size_t c = first; c < last; ++c) {
      if (!impact_[c]) continue;
      uint32_t at = term.exception(segment_, docs_[c]);
      if (at == term.last_exception) continue;
      exact_[c] += term.exception_value(at);
      impact_[c] = 0;
    }
  }

  const Segment& segment_;
  const std::vector<uint32_t>& docs_;
  std::vector<uint32_t>& rows_;
  std::vector<uint8_t>& impact_;
  uint16_t* slots_;
  uint32_t *marked_, *selected_;
  std::vector<double>& exact_;
  std::vector<ScoredTerm> terms_;
  bool is_marked_ = false;
};

// The best k by (descending score, ascending ordinal); scores are positive, so their bits order as they do. `keys` holds
// ~score bits << 32 | ordinal.
std::vector<Scored> best(std::vector<uint64_t>& keys, std::vector<uint64_t>& scratch, uint32_t k, bool by_ordinal) {
  if (keys.size() >= kRadix && keys.size() <= 4 * static_cast<size_t>(k)) {
    if (!by_ordinal) radix_sort(keys, scratch, 0, 32);
    // The scores of one result share their first bits.
    auto [first, last] = std::minmax_element(keys.begin(), keys.end());
    const uint64_t low = *first >> 32 << 32, bits = static_cast<uint64_t>(std::bit_width((*last - low) >> 32));
    for (uint64_t& key : keys) key -= low;
    radix_sort(keys, scratch, 32, static_cast<uint32_t>(bits));
    for (uint64_t& key : keys) key += low;
  } else {
    size_t n = std::min<size_t>(k, keys.size());
    std::partial_sort(keys.begin(), keys.begin() + static_cast<ptrdiff_t>(n), keys.end());
  }
  std::vector<Scored> out(std::min<size_t>(k, keys.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = {std::bit_cast<float>(~static_cast<uint32_t>(keys[i] >> 32)), static_cast<uint32_t>(keys[i])};
  }
  return out;
}

uint64_t key_of(double score, uint32_t ordinal) {
  return static_cast<uint64_t>(~std::bit_cast<uint32_t>(static_cast<float>(score))) << 32 | ordinal;
}

}  // namespace

std::vector<Scored> rescore(const Segment& segment, const Request& request, std::vector<uint64_t>& candidates,
                            Workspace& workspace) {
  std::vector<uint32_t>& docs = workspace.docs;
  docs.resize(candidates.size());
  for (size_t i = 0; i < docs.size(); ++i) docs[i] = static_cast<uint32_t>(candidates[i]);
  if (!std::is_sorted(docs.begin(), docs.end())) {
    if (docs.size() >= kRadix) {
      radix_sort(candidates, workspace.scratch, 0, static_cast<uint32_t>(std::bit_width(segment.layout.n_docs)));
      for (size_t i = 0; i < docs.size(); ++i) docs[i] = static_cast<uint32_t>(candidates[i]);
    } else {
      std::sort(docs.begin(), docs.end());
    }
  }
  Rescorer(segment, request, workspace).run();
  std::vector<uint64_t>& keys = candidates;
  for (size_t i = 0; i < docs.size(); ++i) keys[i] = key_of(workspace.exact[i], segment.ordinal_of(docs[i]));
  return best(keys, workspace.scratch, request.k, segment.ordinal.empty());
}

std::vector<Scored> search_exhaustive(const Segment& segment, const Request& request, Workspace& workspace) {
  uint32_t n_docs = segment.layout.n_docs;
  std::vector<double> score(n_docs, 0.0);
  std::vector<bool> matched(n_docs, false);
  for (const QueryTerm& query : request.terms) {
    segment.check_postings(query.term);
    ScoredTerm scored(segment, request, query);
    const Term& term = query.term;
    const uint8_t* codes = segment.length_code.data() + static_cast<size_t>(query.field) * n_docs;
    auto add = [&](uint32_t doc, uint8_t impact) {
      if (doc >= n_docs) throw std::out_of_range("a list names a document beyond the last");
      uint32_t exception = scored.exception(segment, doc);
      score[doc] += exception == scored.last_exception ? scored.value(codes[doc] * 256u, impact) : scored.exception_value(exception);
      matched[doc] = true;
    };
    if (term.kind == TermClass::dense) {
      const uint8_t* row = segment.dense_impact.data() + static_cast<size_t>(term.ref) * segment.layout.dense_stride;
      for (uint32_t doc = 0; doc < n_docs; ++doc) {
        if (row[doc]) add(doc, row[doc]);
      }
    } else if (term.kind == TermClass::rare) {
      for (uint32_t i = term.ref; i < term.ref + term.df; ++i) add(segment.rare_doc[i], segment.rare_impact[i]);
    } else {
      const uint32_t* starts = segment.window_starts(term);
      for (uint32_t window = 0; window < segment.layout.n_windows; ++window) {
        for (uint32_t i = starts[window]; i < starts[window + 1]; ++i) add(window * kWindow + segment.list_doc[i], segment.list_impact[i]);
      }
    }
  }
  std::vector<uint64_t>& keys = workspace.candidates;
  keys.clear();
  for (uint32_t doc = 0; doc < n_docs; ++doc) {
    if (!matched[doc] || (request.allowed && !(request.allowed[doc / 64] >> (doc % 64) & 1))) continue;
    keys.push_back(key_of(score[doc], segment.ordinal_of(doc)));
  }
  return best(keys, workspace.scratch, request.k, segment.ordinal.empty());
}

}  // namespace spaniel
