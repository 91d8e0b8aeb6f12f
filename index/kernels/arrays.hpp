// NumPy arrays in and out: spans over what Python owns, arrays that own what C++ made.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <span>
#include <string>
#include <vector>

namespace spaniel {

namespace nb = nanobind;

template <typename T>
using In = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;

template <typename T>
std::span<const T> span_of(const In<T>& array) {
  return {array.data(), array.size()};
}

// dict[name] as a span; a missing name or another dtype is the caller's error. The dict must outlive the span.
template <typename T>
std::span<const T> span_of(const nb::dict& arrays, const char* name) {
  if (!arrays.contains(name)) throw nb::key_error(name);
  In<T> array;
  // No conversion: it would make a copy that dies here, and the span with it.
  if (!nb::try_cast<In<T>>(arrays[name], array, false)) throw nb::type_error((std::string("array ") + name + " has the wrong dtype").c_str());
  return {array.data(), array.size()};
}

// The UTF-8 of a str, valid while it lives. Lone surrogates, which UTF-8 cannot hold, come through as three bytes that are
// not UTF-8 (the analyser takes them for separators); `spare` then owns the bytes.
inline std::string_view utf8_of(nb::handle text, std::vector<nb::object>& spare) {
  Py_ssize_t size = 0;
  if (const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size)) return {data, static_cast<size_t>(size)};
  if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) throw nb::python_error();
  PyErr_Clear();
  nb::object bytes = nb::steal(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "surrogatepass"));
  if (!bytes.is_valid()) throw nb::python_error();
  spare.push_back(bytes);
  return {PyBytes_AS_STRING(bytes.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(bytes.ptr()))};
}

// A one-dimensional array that owns `values`; with a const element type it is read-only.
template <typename As = void, typename Container>
nb::object to_numpy(Container&& values) {
  using T = std::remove_const_t<std::remove_reference_t<decltype(values[0])>>;
  using Element = std::conditional_t<!std::is_void_v<As>, As, std::conditional_t<std::is_same_v<T, char>, uint8_t, T>>;
  auto* owned = new std::decay_t<Container>(std::forward<Container>(values));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::decay_t<Container>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, Element, nb::ndim<1>>(owned->data(), {owned->size()}, owner));
}

}  // namespace spaniel
