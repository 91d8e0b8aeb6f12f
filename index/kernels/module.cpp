// The one native module: each source binds its own part.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace spaniel {
void bind_analyzer(nb::module_&);   // analyzer.cpp
void bind_binary(nb::module_&);     // bind_binary.cpp
void bind_binary_refine(nb::module_&);  // binary_refine.cpp
void bind_bisection(nb::module_&);  // bisection.cpp
void bind_build(nb::module_&);      // bind_build.cpp
void bind_search(nb::module_&);     // bind_search.cpp
}

NB_MODULE(_native, m) {
  // An index that is open when the interpreter ends is no leak worth a page of warnings on the user's terminal.
  nb::set_leak_warnings(false);
  m.doc() = "Native kernels of spaniel.index; use them through spaniel.index.kernels.";
  spaniel::bind_analyzer(m);
  spaniel::bind_binary(m);
  spaniel::bind_binary_refine(m);
  spaniel::bind_bisection(m);
  spaniel::bind_build(m);
  spaniel::bind_search(m);
}
