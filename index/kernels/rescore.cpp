// Float64 scores, in the order of the query's terms: for the candidates of a traversal, or for every posting.
#include <algorithm>
#include <tuple>

#include "plan.hpp"

namespace spaniel {
namespace {

// What one posting adds to the true score.
class Value {
 public:
  Value(const Segment& segment, const Request& request, const QueryTerm& query)
      : segment_(segment), weight_(query.weight), table_(request.tables[query.field]),
        codes_(segment.length_code.data() + static_cast<size_t>(query.field) * segment.layout.n_docs) {
    std::tie(first_, last_) = segment.exceptions_of(query.term.id);
  }
  double operator()(uint32_t doc, uint8_t impact) const {
    if (first_ != last_) {
      const uint32_t* docs = segment_.exception_doc.data();
      const uint32_t* found = std::lower_bound(docs + first_, docs + last_, doc);
      if (found != docs + last_ && *found == doc) return weight_ * table_.exception_value[found - docs];
    }
    return weight_ * table_.value[static_cast<size_t>(codes_[doc]) * 256 + impact];
  }

 private:
  const Segment& segment_;
  double weight_;
  const ValueTable& table_;
  const uint8_t* codes_;
  uint32_t first_, last_;
};

// Calls add(candidate, impact) for each candidate (sorted by document) that holds the term.
template <typename Add>
void for_candidates(const uint32_t* list, const uint8_t* impact, uint32_t n, const uint32_t* doc, size_t n_candidates, Add add) {
  const uint32_t* end = list + n;
  const uint32_t* at = list;
  for (size_t c = 0; c < n_candidates && at != end; ++c) {
    at = std::lower_bound(at, end, doc[c]);
    if (at != end && *at == doc[c]) add(c, impact[at - list]);
  }
}

class Rescorer {
 public:
  Rescorer(const Segment& segment, const Request& request, const std::vector<uint32_t>& docs, Workspace& workspace)
      : segment_(segment), request_(request), docs_(docs), slots_(workspace.slots.data()), exact_(workspace.exact) {
    exact_.assign(docs.size(), 0.0);
  }

  void add_term(const QueryTerm& query) {
    Value value(segment_, request_, query);
    const Term& term = query.term;
    if (term.kind == TermClass::dense) {
      const uint8_t* row = segment_.dense_impact.data() + static_cast<size_t>(term.ref) * segment_.layout.dense_stride;
      for (size_t c = 0; c < docs_.size(); ++c) {
        if (uint8_t impact = row[docs_[c]]) exact_[c] += value(docs_[c], impact);
      }
    } else if (term.kind == TermClass::rare) {
      for_candidates(segment_.rare_doc.data() + term.ref, segment_.rare_impact.data() + term.ref, term.df, docs_.data(), docs_.size(),
                     [&](size_t c, uint8_t impact) { exact_[c] += value(docs_[c], impact); });
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
  // Candidates [first, last) lie in one window, the list's postings there are [start, end).
  void add_window(const Value& value, uint32_t start, uint32_t end, size_t first, size_t last) {
    const uint16_t* doc = segment_.list_doc.data();
    const uint8_t* impact = segment_.list_impact.data();
    if ((last - first) * 12 > end - start) {  // many candidates: one pass over the list, each posting asking a table
      for (size_t c = first; c < last; ++c) slots_[docs_[c] % kWindow] = static_cast<uint16_t>(c - first + 1);
      for (uint32_t i = start; i < end; ++i) {
        if (uint16_t slot = slots_[doc[i]]) exact_[first + slot - 1] += value(docs_[first + slot - 1], impact[i]);
      }
      for (size_t c = first; c < last; ++c) slots_[docs_[c] % kWindow] = 0;
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
      if (doc[at] == local) exact_[c] += value(docs_[c], impact[at]);
    }
  }

  const Segment& segment_;
  const Request& request_;
  const std::vector<uint32_t>& docs_;
  uint16_t* slots_;
  std::vector<double>& exact_;
};

bool better(const Scored& a, const Scored& b) { return a.score != b.score ? a.score > b.score : a.ordinal < b.ordinal; }

std::vector<Scored> best(std::vector<Scored>& scored, uint32_t k) {
  if (scored.size() > k) {
    std::nth_element(scored.begin(), scored.begin() + k, scored.end(), better);
    scored.resize(k);
  }
  std::sort(scored.begin(), scored.end(), better);
  return scored;
}

}  // namespace

std::vector<Scored> rescore(const Segment& segment, const Request& request, std::vector<uint64_t>& candidates,
                            Workspace& workspace) {
  std::vector<uint32_t> docs(candidates.size());
  for (size_t i = 0; i < docs.size(); ++i) docs[i] = static_cast<uint32_t>(candidates[i]);
  std::sort(docs.begin(), docs.end());
  Rescorer rescorer(segment, request, docs, workspace);
  for (const QueryTerm& query : request.terms) rescorer.add_term(query);
  workspace.scored.clear();
  for (size_t i = 0; i < docs.size(); ++i) {
    workspace.scored.push_back({static_cast<float>(workspace.exact[i]), segment.ordinal_of(docs[i])});
  }
  return best(workspace.scored, request.k);
}

std::vector<Scored> search_exhaustive(const Segment& segment, const Request& request, Workspace& workspace) {
  uint32_t n_docs = segment.layout.n_docs;
  std::vector<double> score(n_docs, 0.0);
  std::vector<bool> matched(n_docs, false);
  for (const QueryTerm& query : request.terms) {
    Value value(segment, request, query);
    const Term& term = query.term;
    auto add = [&](uint32_t doc, uint8_t impact) {
      if (doc >= n_docs) throw std::out_of_range("a list names a document beyond the last");
      score[doc] += value(doc, impact);
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
  workspace.scored.clear();
  for (uint32_t doc = 0; doc < n_docs; ++doc) {
    if (!matched[doc] || (request.allowed && !(request.allowed[doc / 64] >> (doc % 64) & 1))) continue;
    workspace.scored.push_back({static_cast<float>(score[doc]), segment.ordinal_of(doc)});
  }
  return best(workspace.scored, request.k);
}

}  // namespace spaniel
