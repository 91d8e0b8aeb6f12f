// See decode.hpp.
#include "decode.hpp"

#include <algorithm>
#include <stdexcept>

namespace spaniel {

Term term_by_id(const Segment& segment, uint32_t id) {
  if (id >= segment.term_end.size()) throw std::out_of_range("no such term");
  auto term = segment.find(segment.term_text(id));
  if (!term || term->id != id) throw std::out_of_range("the vocabulary is out of order");
  return *term;
}

void read_postings(const Segment& segment, const Term& term, Postings& out) {
  out.doc.clear();
  out.impact.clear();
  auto add = [&](uint32_t doc, uint8_t impact) {
    if (doc >= segment.layout.n_docs) throw std::out_of_range("a list names a document beyond the last");
    out.doc.push_back(doc);
    out.impact.push_back(impact);
  };
  if (term.kind == TermClass::rare) {
    for (uint32_t i = term.ref; i < term.ref + term.df; ++i) add(segment.rare_doc[i], segment.rare_impact[i]);
  } else if (term.kind == TermClass::dense) {
    const uint8_t* row = segment.dense_impact.data() + static_cast<size_t>(term.ref) * segment.layout.dense_stride;
    for (uint32_t doc = 0; doc < segment.layout.n_docs; ++doc) {
      if (row[doc]) add(doc, row[doc]);
    }
  } else {
    const uint32_t* starts = segment.window_starts(term);
    for (uint32_t w = 0; w < segment.layout.n_windows; ++w) {
      for (uint32_t i = starts[w]; i < starts[w + 1]; ++i) add(w * kWindow + segment.list_doc[i], segment.list_impact[i]);
    }
  }
}

void read_counts(const Segment& segment, const Term& term, const Postings& postings, std::span<const uint16_t* const> decoded,
                 std::vector<uint16_t>& out) {
  std::string_view text = segment.term_text(term.id);
  size_t field = text.empty() ? decoded.size() : static_cast<uint8_t>(text[0]);
  if (field >= decoded.size()) throw std::out_of_range("a term's field does not exist");
  const uint8_t* codes = segment.length_code.data() + field * segment.layout.n_docs;
  auto [exception, last_exception] = segment.exceptions_of(term.id);
  out.clear();
  for (size_t i = 0; i < postings.doc.size(); ++i) {
    uint16_t count = decoded[field][codes[postings.doc[i]] * size_t{256} + postings.impact[i]];
    if (exception < last_exception && segment.exception_doc[exception] == postings.doc[i]) count = segment.exception_tf[exception++];
    if (count == 0) throw std::out_of_range("an impact stands for no tf");
    out.push_back(count);
  }
  if (exception != last_exception) throw std::out_of_range("an exception names a passage that does not hold its term");
}

}  // namespace spaniel
