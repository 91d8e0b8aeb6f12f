// Float64 scores, in the order of the query's terms: for the candidates of a traversal, or for every posting.
#include <algorithm>
#include <bit>
#include <tuple>

#include "plan.hpp"
#include "radix.hpp"

namespace spaniel {
namespace {

constexpr size_t kRadix = 64;  // from this many keys on, digits beat comparisons

// The values of one term's postings.
class Value {
 public:
  Value(const Segment& segment, const Request& request, const QueryTerm& query)
      : segment_(segment), weight_(query.weight), table_(request.tables[query.field]) {
    std::tie(first_, last_) = segment.exceptions_of(query.term.id);
  }
  // row: 256 * the document's length code.
  double operator()(uint32_t doc, uint32_t row, uint8_t impact) const {
    if (first_ != last_) {
      const uint32_t* docs = segment_.exception_doc.data();
      const uint32_t* found = std::lower_bound(docs + first_, docs + last_, doc);
      if (found != docs + last_ && *found == doc) return weight_ * table_.exception_value[found - docs];
    }
    return weight_ * table_.value[row + impact];
  }

 private:
  const Segment& segment_;
  double weight_;
  const ValueTable& table_;
  uint32_t first_, last_;
};

class Rescorer {
 public:
  // docs: the candidates, ascending.
  Rescorer(const Segment& segment, const Request& request, Workspace& workspace)
      : segment_(segment), request_(request), docs_(workspace.docs), rows_(workspace.rows), slots_(workspace.slots.data()),
        marked_(workspace.marked.data()), selected_(workspace.selected.data()), exact_(workspace.exact) {
    exact_.assign(docs_.size(), 0.0);
    rows_.resize(docs_.size());
  }

  void add_term(const QueryTerm& query) {
    if (field_ != query.field) load_lengths(query.field);
    Value value(segment_, request_, query);
    const Term& term = query.term;
    if (term.kind == TermClass::dense) {
      const uint8_t* row = segment_.dense_impact.data() + static_cast<size_t>(term.ref) * segment_.layout.dense_stride;
      for (size_t c = 0; c < docs_.size(); ++c) {
        if (uint8_t impact = row[docs_[c]]) exact_[c] += value(docs_[c], rows_[c], impact);
      }
    } else if (term.kind == TermClass::rare) {
      add_rare(value, term);
    } else {
      const uint32_t* starts = segment_.window_starts(term);
      for (size_t c = 0; c < docs_.size();) {
        uint32_t window = docs_[c] / kWindow;
        size_t last = c;
        while (last < docs_.size() && docs_[last] / kWindow == window) ++last;
        add_window(value, starts[window], starts[window + 1], c, last);
        c = last;
      }
    }
  }

 private:
  void load_lengths(uint32_t field) {
    const uint8_t* codes = segment_.length_code.data() + static_cast<size_t>(field) * segment_.layout.n_docs;
    for (size_t c = 0; c < docs_.size(); ++c) rows_[c] = codes[docs_[c]] * 256u;
    field_ = field;
  }

  void add_rare(const Value& value, const Term& term) {
    const uint32_t* doc = segment_.rare_doc.data() + term.ref;
    size_t c = 0;
    for (uint32_t i = 0; i < term.df && c < docs_.size(); ++i) {
      c = static_cast<size_t>(std::lower_bound(docs_.begin() + static_cast<ptrdiff_t>(c), docs_.end(), doc[i]) - docs_.begin());
      if (c < docs_.size() && docs_[c] == doc[i]) exact_[c] += value(doc[i], rows_[c], segment_.rare_impact[term.ref + i]);
    }
  }

  // Candidates [first, last) lie in one window, the list's postings there are [start, end).
  void add_window(const Value& value, uint32_t start, uint32_t end, size_t first, size_t last) {
    const uint16_t* doc = segment_.list_doc.data();
    const uint8_t* impact = segment_.list_impact.data();
    if ((last - first) * 24 > end - start) {  // many candidates: one pass over the list, each posting asking a bitmap
      for (size_t c = first; c < last; ++c) {
        uint32_t local = docs_[c] % kWindow;
        marked_[local / 32] |= 1u << (local % 32);
        slots_[local] = static_cast<uint16_t>(c - first);
      }
      uint32_t left = std::min<uint32_t>(end - start, 65536);
      size_t n = kernels().select(doc + start, left, marked_, selected_);
      for (size_t i = 0; i < n; ++i) {
        uint32_t at = start + selected_[i];
        size_t c = first + slots_[doc[at]];
        exact_[c] += value(docs_[c], rows_[c], impact[at]);
      }
      for (size_t c = first; c < last; ++c) marked_[docs_[c] % kWindow / 32] = 0;
      return;
    }
    uint32_t at = start;
    for (size_t c = first; c < last && at < end; ++c) {
      uint16_t local = static_cast<uint16_t>(docs_[c] % kWindow);
      for (uint32_t n = end - at; n > 1;) {
        uint32_t half = n / 2;
        at += doc[at + half] <= local ? half : 0;
        n -= half;
      }
      if (doc[at] == local) exact_[c] += value(docs_[c], rows_[c], impact[at]);
    }
  }

  const Segment& segment_;
  const Request& request_;
  const std::vector<uint32_t>& docs_;
  std::vector<uint32_t>& rows_;
  uint16_t* slots_;
  uint32_t *marked_, *selected_;
  std::vector<double>& exact_;
  uint32_t field_ = UINT32_MAX;
};

// The best k by (descending score, ascending ordinal); scores are positive, so their bits order as they do. `keys` holds
// ~score bits << 32 | ordinal.
std::vector<Scored> best(std::vector<uint64_t>& keys, std::vector<uint64_t>& scratch, uint32_t k, bool by_ordinal) {
  if (keys.size() >= kRadix && keys.size() <= 4 * static_cast<size_t>(k)) {
    if (!by_ordinal) radix_sort(keys, scratch, 0, 32);
    radix_sort(keys, scratch, 32, 32);
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
  Rescorer rescorer(segment, request, workspace);
  for (const QueryTerm& query : request.terms) rescorer.add_term(query);
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
    Value value(segment, request, query);
    const Term& term = query.term;
    const uint8_t* codes = segment.length_code.data() + static_cast<size_t>(query.field) * n_docs;
    auto add = [&](uint32_t doc, uint8_t impact) {
      if (doc >= n_docs) throw std::out_of_range("a list names a document beyond the last");
      score[doc] += value(doc, codes[doc] * 256u, impact);
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
