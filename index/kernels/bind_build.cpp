// Python's door to building: Accumulator (text to runs), Merger (runs or segments to postings by term), Encoder (postings
// to arrays).
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include "accumulator.hpp"
#include "arrays.hpp"
#include "bind_segment.hpp"
#include "encode.hpp"
#include "merge.hpp"

namespace spaniel {
namespace {

// documents: a sequence with, for each document, a tuple of one str per field.
void add_texts(Accumulator& self, size_t n_fields, const nb::list& documents) {
  std::vector<std::vector<std::string_view>> texts;
  std::vector<nb::object> spare;
  texts.reserve(nb::len(documents));
  for (nb::handle document : documents) {
    std::vector<std::string_view> fields;
    for (nb::handle text : nb::borrow<nb::tuple>(document)) fields.push_back(utf8_of(text, spare));
    if (fields.size() != n_fields) throw nb::value_error("a document needs one text for each field");
    texts.push_back(std::move(fields));
  }
  {
    nb::gil_scoped_release unlocked;  // the strings stay alive in `documents`
    for (const auto& fields : texts) self.add_text(fields);
  }
}

void add_vectors(Accumulator& self, const nb::list& documents) {
  std::vector<std::pair<std::string_view, uint32_t>> weights;
  std::vector<nb::object> spare;
  for (nb::handle document : documents) {
    weights.clear();
    for (auto [term, weight] : nb::borrow<nb::dict>(document)) weights.emplace_back(utf8_of(term, spare), nb::cast<uint32_t>(weight));
    self.add_vector(weights);
  }
}

nb::dict run_to_python(Run&& run) {
  nb::dict out;
  out["term_bytes"] = to_numpy(std::move(run.term_bytes));
  out["term_end"] = to_numpy(std::move(run.term_end));
  out["ptr"] = to_numpy(std::move(run.ptr));
  out["doc"] = to_numpy(std::move(run.doc));
  out["tf"] = to_numpy(std::move(run.tf));
  out["length"] = to_numpy(std::move(run.length));
  return out;
}

struct PyAccumulator {
  nb::object analyzer;  // keeps the pointer alive
  size_t n_fields;
  Accumulator accumulator;
  PyAccumulator(nb::object owner, size_t fields)
      : analyzer(std::move(owner)), n_fields(fields),
        accumulator(analyzer.is_none() ? nullptr : nb::cast<const Analyzer*>(analyzer), fields) {}
};

struct PyMerger {
  nb::list keep;  // the runs and maps, whose memory the merger reads
  Merger merger;
};

// run: a dict of arrays, or (Segment, decoded uint16 (256, 256) for each field).
std::unique_ptr<MergeInput> merge_input(nb::handle run, uint32_t base, nb::handle map) {
  std::span<const uint32_t> places;
  if (!map.is_none()) places = span_of(nb::cast<In<uint32_t>>(map, false));
  if (nb::isinstance<nb::tuple>(run)) {
    auto [segment, tables] = nb::cast<std::tuple<nb::handle, std::vector<In<uint16_t>>>>(run, false);
    std::vector<const uint16_t*> decoded;
    for (const In<uint16_t>& table : tables) {
      if (table.size() != 65536) throw nb::value_error("an impact table is 256 x 256");
      decoded.push_back(table.data());
    }
    return std::make_unique<SegmentInput>(nb::cast<const PySegment&>(segment).segment, std::move(decoded), places);
  }
  nb::dict arrays = nb::cast<nb::dict>(run);
  std::span<const uint8_t> bytes = span_of<uint8_t>(arrays, "term_bytes");
  RunInput::Arrays spans{{reinterpret_cast<const char*>(bytes.data()), bytes.size()}, span_of<uint32_t>(arrays, "term_end"),
                         span_of<uint64_t>(arrays, "ptr"), span_of<uint32_t>(arrays, "doc"), span_of<uint16_t>(arrays, "tf")};
  return std::make_unique<RunInput>(spans, places, base);
}

struct PyEncoder {
  nb::object keep;
  std::vector<In<uint8_t>> impact;
  std::vector<In<uint16_t>> decoded;
  In<uint8_t> length_code;
  Encoder encoder;
};

std::vector<ImpactTable> tables_of(const std::vector<In<uint8_t>>& impact, const std::vector<In<uint16_t>>& decoded) {
  std::vector<ImpactTable> tables;
  for (size_t f = 0; f < impact.size(); ++f) {
    if (impact[f].size() != 65536 || decoded.at(f).size() != 65536) throw nb::value_error("an impact table is 256 x 256");
    tables.push_back({impact[f].data(), decoded[f].data()});
  }
  return tables;
}

nb::dict encoded_to_python(Encoded&& e) {
  nb::dict out;
  out["small_df"] = to_numpy(std::move(e.small_df));
  out["medium_df"] = to_numpy(std::move(e.medium_df));
  out["long_df"] = to_numpy(std::move(e.long_df));
  out["dense_df"] = to_numpy(std::move(e.dense_df));
  out["ref"] = to_numpy(std::move(e.ref));
  out["rare_doc"] = to_numpy(std::move(e.rare_doc));
  out["rare_impact"] = to_numpy(std::move(e.rare_impact));
  out["list_doc"] = to_numpy(std::move(e.list_doc));
  out["list_impact"] = to_numpy(std::move(e.list_impact));
  out["medium_start"] = to_numpy(std::move(e.medium_start));
  out["long_start"] = to_numpy(std::move(e.long_start));
  out["long_block_start"] = to_numpy(std::move(e.long_block_start));
  out["long_block_max"] = to_numpy(std::move(e.long_block_max));
  out["dense_impact"] = to_numpy(std::move(e.dense_impact));
  out["dense_block_max"] = to_numpy(std::move(e.dense_block_max));
  out["medium_top"] = to_numpy(std::move(e.medium_top));
  out["long_top"] = to_numpy(std::move(e.long_top));
  out["dense_top"] = to_numpy(std::move(e.dense_top));
  out["exception_term"] = to_numpy(std::move(e.exception_term));
  out["exception_doc"] = to_numpy(std::move(e.exception_doc));
  out["exception_tf"] = to_numpy(std::move(e.exception_tf));
  return out;
}

nb::dict layout_of(uint32_t n_docs) {
  Layout layout = Layout::of(n_docs);
  nb::dict out;
  out["n_windows"] = layout.n_windows;
  out["n_blocks"] = layout.n_blocks;
  out["dense_stride"] = layout.dense_stride;
  out["rare_max"] = layout.rare_max;
  out["long_min"] = layout.long_min;
  out["dense_min"] = layout.dense_min;
  return out;
}

}  // namespace

void bind_build(nb::module_& m) {
  m.def("layout", &layout_of, nb::arg("n_docs"));
  m.def("term_hash", [](nb::bytes key) { return term_hash({key.c_str(), key.size()}); });

  nb::class_<PyAccumulator>(m, "Accumulator")
      .def(nb::init<nb::object, size_t>(), nb::arg("analyzer").none(), nb::arg("n_fields"))
      .def("add_texts", [](PyAccumulator& self, const nb::list& documents) {
        if (self.analyzer.is_none()) throw nb::value_error("an accumulator of vectors takes no text");
        add_texts(self.accumulator, self.n_fields, documents);
      })
      .def("add_vectors", [](PyAccumulator& self, const nb::list& documents) { add_vectors(self.accumulator, documents); })
      .def("take_run", [](PyAccumulator& self) {
        Run run;
        {
          nb::gil_scoped_release unlocked;
          run = self.accumulator.take_run();
        }
        return run_to_python(std::move(run));
      })
      .def_prop_ro("n_docs", [](const PyAccumulator& self) { return self.accumulator.n_docs(); })
      .def_prop_ro("n_postings", [](const PyAccumulator& self) { return self.accumulator.n_postings(); })
      .def_prop_ro("memory_bytes", [](const PyAccumulator& self) { return self.accumulator.memory_bytes(); });

  nb::class_<PyMerger>(m, "Merger")
      .def("__init__", [](PyMerger* self, const nb::list& runs, const std::vector<uint32_t>& bases, const nb::list& maps) {
        std::vector<std::unique_ptr<MergeInput>> inputs;
        nb::list keep;
        for (size_t i = 0; i < nb::len(runs); ++i) {
          inputs.push_back(merge_input(runs[i], bases.at(i), maps[i]));
          keep.append(runs[i]);
          keep.append(maps[i]);
        }
        new (self) PyMerger{keep, Merger(std::move(inputs))};
      }, nb::arg("runs"), nb::arg("bases"), nb::arg("maps"))
      .def("vocabulary", [](PyMerger& self) {
        Vocabulary words;
        {
          nb::gil_scoped_release unlocked;
          words = self.merger.vocabulary();
        }
        nb::dict out;
        out["term_bytes"] = to_numpy(std::move(words.term_bytes));
        out["term_end"] = to_numpy(std::move(words.term_end));
        out["df"] = to_numpy(std::move(words.df));
        out["bucket"] = to_numpy(std::move(words.bucket));
        return out;
      })
      .def("next", [](PyMerger& self, uint64_t max_postings) {
        MergedPostings merged;
        {
          nb::gil_scoped_release unlocked;
          merged = self.merger.next(max_postings);
        }
        return nb::make_tuple(to_numpy(std::move(merged.field)), to_numpy(std::move(merged.ptr)), to_numpy(std::move(merged.doc)),
                              to_numpy(std::move(merged.tf)));
      })
      .def("rewind", [](PyMerger& self) { self.merger.rewind(); });

  nb::class_<PyEncoder>(m, "Encoder")
      .def("__init__", [](PyEncoder* self, uint32_t n_docs, In<uint8_t> length_code, std::vector<In<uint8_t>> impact,
                          std::vector<In<uint16_t>> decoded, uint32_t n_medium, uint32_t n_long) {
        std::vector<ImpactTable> tables = tables_of(impact, decoded);
        Encoder encoder(n_docs, span_of(length_code), std::move(tables), n_medium, n_long);
        new (self) PyEncoder{nb::none(), std::move(impact), std::move(decoded), std::move(length_code), std::move(encoder)};
      }, nb::arg("n_docs"), nb::arg("length_code"), nb::arg("impact"), nb::arg("decoded"),
         nb::arg("n_medium") = 0, nb::arg("n_long") = 0)
      .def("encode", [](PyEncoder& self, In<uint8_t> field, In<uint64_t> ptr, In<uint32_t> doc, In<uint16_t> tf) {
        Encoded encoded;
        {
          nb::gil_scoped_release unlocked;
          encoded = self.encoder.encode(span_of(field), span_of(ptr), span_of(doc), span_of(tf));
        }
        return encoded_to_python(std::move(encoded));
      })
      .def("count_exceptions", [](const PyEncoder& self, In<uint8_t> field, In<uint64_t> ptr, In<uint32_t> doc, In<uint16_t> tf) {
        return self.encoder.count_exceptions(span_of(field), span_of(ptr), span_of(doc), span_of(tf));
      });
}

}  // namespace spaniel
