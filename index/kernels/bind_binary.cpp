// Python's door to binary codes: BinaryScan (the mapped arrays of one part).
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include "arrays.hpp"
#include "binary.hpp"

namespace spaniel {
namespace {

struct PyBinaryScan {
  nb::dict keep;
  BinaryCodes codes;
};

BinaryCodes map_codes(const nb::dict& arrays, uint32_t n_rows, uint32_t dimension, float scale, float largest_factor) {
  BinaryCodes codes;
  codes.n_rows = n_rows;
  codes.dimension = dimension;
  codes.n_bytes = (dimension + 7) / 8;
  codes.scale = scale;
  codes.largest_factor = largest_factor;
  codes.centre = span_of<float>(arrays, "centre");
  codes.codes = span_of<uint8_t>(arrays, "codes");
  if (arrays.contains("weights")) codes.weights = span_of<float>(arrays, "weights");
  if (arrays.contains("factor")) codes.factor = span_of<uint16_t>(arrays, "factor");
  if (arrays.contains("list_start")) {
    codes.list_start = span_of<uint32_t>(arrays, "list_start");
    codes.list_centre = span_of<float>(arrays, "list_centre");
    codes.row = span_of<uint32_t>(arrays, "row");
  }
  codes.check();
  return codes;
}

// A list of (rows int64 (m,), scores float32 (m,)).
nb::list search(const PyBinaryScan& self, const In<float>& queries, uint32_t k, uint32_t n_probe, const std::optional<In<uint64_t>>& allowed, unsigned threads) {
  BinaryOptions options;
  options.k = k;
  options.n_probe = n_probe;
  options.threads = threads;
  if (queries.ndim() != 2 || queries.shape(1) != self.codes.dimension) throw nb::value_error("queries of another dimension");
  if (allowed) {
    if (allowed->size() != (static_cast<size_t>(self.codes.n_rows) + 63) / 64) throw nb::value_error("a bitmap of another size");
    options.allowed = span_of(*allowed);
  }
  options.pause = [] {
    nb::gil_scoped_acquire acquired;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();  // Ctrl-C need not wait for the last query
  };
  std::vector<std::vector<BinaryHit>> results;
  {
    nb::gil_scoped_release unlocked;
    results = binary_search(self.codes, span_of(queries), options);
  }
  nb::list out;
  for (const auto& hits : results) {
    std::vector<int64_t> rows(hits.size());
    std::vector<float> scores(hits.size());
    for (size_t i = 0; i < hits.size(); ++i) {
      rows[i] = hits[i].row;
      scores[i] = hits[i].score;
    }
    out.append(nb::make_tuple(to_numpy(std::move(rows)), to_numpy(std::move(scores))));
  }
  return out;
}

}  // namespace

void bind_binary(nb::module_& m) {
  nb::class_<PyBinaryScan>(m, "BinaryScan")
      .def("__init__", [](PyBinaryScan* self, const nb::dict& arrays, uint32_t n_rows, uint32_t dimension, float scale, float largest_factor) {
        new (self) PyBinaryScan{arrays, map_codes(arrays, n_rows, dimension, scale, largest_factor)};
      }, nb::arg("arrays"), nb::arg("n_rows"), nb::arg("dimension"), nb::arg("scale"), nb::arg("largest_factor") = 1.0f)
      .def("search", &search, nb::arg("queries"), nb::arg("k"), nb::arg("n_probe") = 0, nb::arg("allowed") = nb::none(), nb::arg("threads") = 1);
}

}  // namespace spaniel
