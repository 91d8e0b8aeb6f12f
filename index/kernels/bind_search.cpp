// Python's door to searching: Segment (mapped arrays of one segment) and Engine (an index under one scorer).
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "arrays.hpp"
#include "bind_segment.hpp"
#include "decode.hpp"
#include "engine.hpp"

namespace spaniel {
namespace {

Segment map_segment(const nb::dict& arrays, uint32_t n_docs, uint32_t n_fields, uint32_t first_ordinal) {
  Segment s;
  s.layout = Layout::of(n_docs);
  s.n_fields = n_fields;
  s.first_ordinal = first_ordinal;
  s.length_code = span_of<uint8_t>(arrays, "length_code");
  std::span<const uint8_t> bytes = span_of<uint8_t>(arrays, "term_bytes");
  s.term_bytes = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  s.term_end = span_of<uint32_t>(arrays, "term_end");
  s.bucket = span_of<uint32_t>(arrays, "bucket");
  s.small_df = span_of<uint8_t>(arrays, "small_df");
  s.medium_df = span_of<uint32_t>(arrays, "medium_df");
  s.long_df = span_of<uint32_t>(arrays, "long_df");
  s.dense_df = span_of<uint32_t>(arrays, "dense_df");
  s.ref = span_of<uint32_t>(arrays, "ref");
  s.rare_doc = span_of<uint32_t>(arrays, "rare_doc");
  s.rare_impact = span_of<uint8_t>(arrays, "rare_impact");
  s.list_doc = span_of<uint16_t>(arrays, "list_doc");
  s.list_impact = span_of<uint8_t>(arrays, "list_impact");
  s.medium_start = span_of<uint32_t>(arrays, "medium_start");
  s.medium_top = span_of<uint8_t>(arrays, "medium_top");
  s.long_start = span_of<uint32_t>(arrays, "long_start");
  s.long_block_start = span_of<uint16_t>(arrays, "long_block_start");
  s.long_block_max = span_of<uint8_t>(arrays, "long_block_max");
  s.long_top = span_of<uint8_t>(arrays, "long_top");
  s.dense_impact = span_of<uint8_t>(arrays, "dense_impact");
  s.dense_block_max = span_of<uint8_t>(arrays, "dense_block_max");
  s.dense_top = span_of<uint8_t>(arrays, "dense_top");
  s.exception_term = span_of<uint32_t>(arrays, "exception_term");
  s.exception_doc = span_of<uint32_t>(arrays, "exception_doc");
  s.exception_tf = span_of<uint16_t>(arrays, "exception_tf");
  if (arrays.contains("ordinal")) s.ordinal = span_of<uint32_t>(arrays, "ordinal");
  s.check();
  return s;
}

struct PyEngine {
  nb::object analyzer;
  const Analyzer* native = nullptr;
  nb::list keep;
  Engine engine;
};

Options options_of(uint32_t k, const std::string& schedule, double alpha, double beta, uint32_t gamma, double mu, double eta,
                   uint32_t block_docs, uint32_t superblock, bool exhaustive, const std::vector<In<uint64_t>>& allowed, const std::vector<uint32_t>& n_excluded, size_t n_segments) {
  Options options;
  options.k = k;
  if (schedule == "windows") {
    options.schedule = Schedule::windows;
  } else if (schedule == "blocks") {
    options.schedule = Schedule::blocks;
  } else if (schedule == "bmp") {
    options.schedule = Schedule::bmp;
  } else if (schedule != "auto") {
    throw nb::value_error("schedule is auto, windows, blocks or bmp");
  }
  options.alpha = alpha;
  options.beta = beta;
  options.gamma = gamma;
  options.mu = mu;
  options.eta = eta;
  options.block_docs = block_docs;
  options.superblock = superblock;
  options.exhaustive = exhaustive;
  if (!allowed.empty() && (allowed.size() != n_segments || n_excluded.size() != n_segments)) throw nb::value_error("one bitmap for each segment");
  for (const auto& bitmap : allowed) options.allowed.push_back(span_of(bitmap));
  options.n_excluded = n_excluded;
  return options;
}

// (ids int32 (n,), scores float32 (n,)) of one ranking, read-only, as `Ranking` wants them.
nb::tuple ranking(const std::vector<Scored>& scored) {
  std::vector<int32_t> ids(scored.size());
  std::vector<float> scores(scored.size());
  for (size_t i = 0; i < scored.size(); ++i) {
    ids[i] = static_cast<int32_t>(scored[i].ordinal);
    scores[i] = scored[i].score;
  }
  return nb::make_tuple(to_numpy<const int32_t>(std::move(ids)), to_numpy<const float>(std::move(scores)));
}

// A query is a str (analysed) or a list of (field, term, boost).
std::vector<WeightedTerm> query_terms(const PyEngine& self, nb::handle query, Tokens& tokens) {
  if (PyUnicode_Check(query.ptr())) {
    if (!self.native) throw nb::type_error("this index has no analyser: pass weighted terms");
    tokens.clear();
    std::vector<nb::object> spare;
    self.native->analyze(utf8_of(query, spare), tokens);
    return self.engine.terms_of(tokens);
  }
  std::vector<WeightedTerm> out;
  for (nb::handle item : query) {
    auto [field, term, boost] = nb::cast<std::tuple<uint32_t, nb::str, double>>(item);
    std::string key(1, static_cast<char>(field));
    std::vector<nb::object> spare;
    key += utf8_of(term, spare);
    out.push_back({std::move(key), field, boost});
  }
  return out;
}

nb::list search_many(const PyEngine& self, nb::sequence queries, uint32_t k, unsigned threads, const std::string& schedule, double alpha,
                double beta, uint32_t gamma, double mu, double eta, uint32_t block_docs, uint32_t superblock, bool exhaustive,
                const std::vector<In<uint64_t>>& allowed, const std::vector<uint32_t>& n_excluded) {
  Options options = options_of(k, schedule, alpha, beta, gamma, mu, eta, block_docs, superblock, exhaustive, allowed, n_excluded, self.engine.n_segments());
  std::vector<std::vector<WeightedTerm>> terms;
  Tokens tokens;
  for (nb::handle query : queries) terms.push_back(query_terms(self, query, tokens));
  std::vector<std::vector<Scored>> results;
  {
    nb::gil_scoped_release unlocked;
    results = self.engine.search_all(terms, options, threads, [] {
      nb::gil_scoped_acquire acquired;
      if (PyErr_CheckSignals() != 0) throw nb::python_error();  // Ctrl-C need not wait for the last query
    });
  }
  nb::list out;
  for (const auto& scored : results) out.append(ranking(scored));
  return out;
}

}  // namespace

void bind_search(nb::module_& m) {
  m.def("kernel_name", [] { return kernels().name; });
  m.def("use_kernels", [](const std::string& name) { return use_kernels(name.c_str()); });

  nb::class_<PySegment>(m, "Segment")
      .def("__init__", [](PySegment* self, const nb::dict& arrays, uint32_t n_docs, uint32_t n_fields, uint32_t first_ordinal) {
        new (self) PySegment{arrays, map_segment(arrays, n_docs, n_fields, first_ordinal)};
      }, nb::arg("arrays"), nb::arg("n_docs"), nb::arg("n_fields"), nb::arg("first_ordinal"))
      .def("find", [](const PySegment& self, nb::bytes key) -> std::optional<std::pair<uint32_t, uint32_t>> {
        auto term = self.segment.find({key.c_str(), key.size()});
        if (!term) return std::nullopt;
        return std::pair{term->id, term->df};
      })
      .def("term", [](const PySegment& self, uint32_t id) {
        if (id >= self.segment.term_end.size()) throw nb::index_error("no such term");
        std::string_view text = self.segment.term_text(id);
        return nb::bytes(text.data(), text.size());
      })
      .def("postings", [](const PySegment& self, uint32_t id) {
        Postings found;
        read_postings(self.segment, term_by_id(self.segment, id), found);
        return nb::make_tuple(to_numpy(std::move(found.doc)), to_numpy(std::move(found.impact)));
      })
      .def("check_postings", [](const PySegment& self) {
        nb::gil_scoped_release unlocked;
        for (uint32_t id = 0; id < self.segment.term_end.size(); ++id) self.segment.check_postings(term_by_id(self.segment, id));
      })
      // Makes the index of Schedule::bmp if it is not there yet; its bytes.
      .def("block_index_bytes", [](const PySegment& self, uint32_t block_docs, uint32_t superblock) {
        return self.block_indexes.get(self.segment, block_docs, superblock)->size_bytes();
      }, nb::arg("block_docs"), nb::arg("superblock") = 0, nb::call_guard<nb::gil_scoped_release>())
      .def_prop_ro("n_terms", [](const PySegment& self) { return self.segment.term_end.size(); });

  nb::class_<PyEngine>(m, "Engine")
      .def("__init__", [](PyEngine* self, nb::object analyzer, uint32_t idf, std::vector<double> field_weights,
                          std::vector<uint64_t> field_docs) {
        if (idf > static_cast<uint32_t>(Idf::bm25plus)) throw nb::value_error("no such idf");
        const Analyzer* native = analyzer.is_none() ? nullptr : nb::cast<const Analyzer*>(analyzer);
        new (self) PyEngine{std::move(analyzer), native, nb::list(),
                            Engine(static_cast<Idf>(idf), std::move(field_weights), std::move(field_docs))};
      }, nb::arg("analyzer").none(), nb::arg("idf"), nb::arg("field_weights"), nb::arg("field_docs"))
      // tables: for each field (value float64 (256, 256), step, error_low, error_high); exception_value: float64 (n_exceptions,)
      .def("add_segment", [](PyEngine& self, const PySegment& segment, const nb::list& tables, nb::list exception_values,
                             std::optional<In<uint64_t>> live, uint32_t n_dead, std::optional<In<uint32_t>> dead_term,
                             std::optional<In<uint32_t>> dead_df) {
        EngineSegment part;
        part.segment = &segment.segment;
        part.block_indexes = &segment.block_indexes;
        size_t f = 0;
        for (nb::handle row : tables) {
          auto [value, step, low, high] = nb::cast<std::tuple<In<double>, double, double, double>>(row, false);
          In<double> exceptions = nb::cast<In<double>>(exception_values[f++], false);
          if (value.size() != 65536 || exceptions.size() != segment.segment.exception_term.size()) throw nb::value_error("a value table does not fit");
          part.tables.push_back({value.data(), exceptions.data(), step, low, high});
        }
        if (part.tables.size() != segment.segment.n_fields) throw nb::value_error("one table for each field");
        if (live) part.live = span_of(*live);
        part.n_dead = n_dead;
        if (dead_term) part.dead_term = span_of(*dead_term);
        if (dead_df) part.dead_df = span_of(*dead_df);
        size_t words = (segment.segment.layout.n_docs + 63) / 64;
        if ((live && part.live.size() < words) || part.dead_term.size() != part.dead_df.size()) throw nb::value_error("tombstones do not fit");
        self.keep.append(nb::make_tuple(nb::find(segment), tables, exception_values, live, dead_term, dead_df));
        self.engine.add(std::move(part));
      }, nb::arg("segment"), nb::arg("tables"), nb::arg("exception_values"), nb::arg("live").none(), nb::arg("n_dead"),
         nb::arg("dead_term").none(), nb::arg("dead_df").none())
      .def("df", [](const PyEngine& self, nb::bytes key) { return self.engine.df({key.c_str(), key.size()}); })
      .def("terms_of", [](const PyEngine& self, nb::str text) {
        Tokens tokens;
        nb::list out;
        for (const WeightedTerm& term : query_terms(self, text, tokens)) {
          out.append(nb::make_tuple(term.field, nb::bytes(term.key.data() + 1, term.key.size() - 1), term.boost));
        }
        return out;
      })
      .def("search", &search_many, nb::arg("queries"), nb::arg("k"), nb::arg("threads") = 1, nb::arg("schedule") = "auto",
           nb::arg("alpha") = 1.0, nb::arg("beta") = 1.0, nb::arg("gamma") = 0, nb::arg("mu") = 1.0, nb::arg("eta") = 1.0,
           nb::arg("block_docs") = 32, nb::arg("superblock") = 0, nb::arg("exhaustive") = false,
           nb::arg("allowed") = std::vector<In<uint64_t>>{}, nb::arg("n_excluded") = std::vector<uint32_t>{})
      .def("search_one", [](const PyEngine& self, nb::object query, uint32_t k) {
        Options options;
        options.k = k;
        Tokens tokens;
        std::vector<WeightedTerm> terms = query_terms(self, query, tokens);
        std::vector<Scored> scored;
        {
          nb::gil_scoped_release unlocked;
          std::unique_ptr<Workspace> workspace = self.engine.borrow();
          scored = self.engine.search(terms, options, *workspace);
          self.engine.give_back(std::move(workspace));
        }
        return ranking(scored);
      });
}

}  // namespace spaniel
