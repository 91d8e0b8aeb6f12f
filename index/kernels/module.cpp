// The one native module: each source binds its own part.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

NB_MODULE(_native, m) {
  m.doc() = "Native kernels of spaniel.index; use them through spaniel.index.kernels.";
}
