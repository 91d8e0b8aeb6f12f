// Analyzer: the steps put together, and the Python binding. Use it through spaniel.index.analysis.Analyzer.
#include "analyzer.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <stdexcept>

namespace nb = nanobind;

namespace spaniel {
namespace {

bool is_ascii(std::string_view text) {
  uint8_t all = 0;
  for (char c : text) all |= static_cast<uint8_t>(c);
  return all < 0x80;
}

// "'s" behind a word: apostrophe, right single quotation mark, or full-width apostrophe.
std::string_view without_possessive(std::string_view word) {
  for (const std::string_view suffix : {"'s", "\u2019s", "\uFF07s"})
    if (word.ends_with(suffix)) return word.substr(0, word.size() - suffix.size());
  return word;
}

// bytes -> bytes in Python. The result is copied out while the GIL is held.
void call_python(const nb::object& function, std::string_view argument, std::string& out) {
  const nb::gil_scoped_acquire gil;
  const nb::object result = function(nb::bytes(argument.data(), argument.size()));
  if (!nb::isinstance<nb::bytes>(result)) throw nb::type_error("the stemmer or normaliser must return bytes");
  const nb::bytes bytes = nb::borrow<nb::bytes>(result);
  out.assign(bytes.c_str(), bytes.size());
}

}  // namespace

Analyzer::Analyzer(AnalyzerOptions options)
    : options_(std::move(options)), stop_words_(options_.stop_words.begin(), options_.stop_words.end()) {
  for (const std::string& word : stop_words_) longest_stop_word_ = std::max(longest_stop_word_, word.size());
}

void Analyzer::tokenize(std::string_view utf8, Tokens& out) const {
  if (!options_.prepare.is_none() && !is_ascii(utf8)) {
    std::string prepared;
    call_python(options_.prepare, utf8, prepared);
    segment(prepared, options_.segmenter, options_.letter_case, out);
    return;
  }
  segment(utf8, options_.segmenter, options_.letter_case, out);
}

bool Analyzer::normalise(std::string_view surface, std::string& out) const {
  if (options_.possessive) surface = without_possessive(surface);
  if (surface.size() <= longest_stop_word_ && stop_words_.find(surface) != stop_words_.end()) return false;
  if (options_.stemming == Stemming::python) {
    call_python(options_.stem, surface, out);
  } else {
    out.assign(surface);
    if (options_.stemming == Stemming::porter) porter_stem(out);
  }
  return !out.empty();
}

void Analyzer::analyze(std::string_view utf8, Tokens& out) const {
  Tokens surface;
  tokenize(utf8, surface);
  std::string term;
  for (size_t i = 0; i < surface.size(); ++i) {
    if (!normalise(surface[i], term)) continue;
    out.bytes += term;
    out.ends.push_back(static_cast<uint32_t>(out.bytes.size()));
  }
}

namespace {

// The UTF-8 of a Python string, or bytes as they are (files hold anything). Lone surrogates are kept in their three-byte form.
class Utf8 {
 public:
  explicit Utf8(nb::handle text) {
    if (PyBytes_Check(text.ptr())) {
      view_ = {PyBytes_AS_STRING(text.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(text.ptr()))};
      return;
    }
    if (!PyUnicode_Check(text.ptr())) throw nb::type_error("text must be str or UTF-8 bytes");
    Py_ssize_t size = 0;
    if (const char* data = PyUnicode_AsUTF8AndSize(text.ptr(), &size)) {
      view_ = {data, static_cast<size_t>(size)};
      return;
    }
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) throw nb::python_error();
    PyErr_Clear();
    encoded_ = nb::steal(PyUnicode_AsEncodedString(text.ptr(), "utf-8", "surrogatepass"));
    if (!encoded_.is_valid()) throw nb::python_error();
    view_ = {PyBytes_AS_STRING(encoded_.ptr()), static_cast<size_t>(PyBytes_GET_SIZE(encoded_.ptr()))};
  }
  std::string_view view() const { return view_; }

 private:
  nb::object encoded_;
  std::string_view view_;
};

nb::list to_list(const Tokens& tokens) {
  nb::list out;
  for (size_t i = 0; i < tokens.size(); ++i) out.append(nb::str(tokens[i].data(), tokens[i].size()));
  return out;
}

template <class T>
T choose(std::string_view what, std::string_view value, std::initializer_list<std::pair<std::string_view, T>> choices) {
  for (const auto& [name, choice] : choices)
    if (name == value) return choice;
  throw nb::value_error((std::string(what) + " is '" + std::string(value) + "', which is none of the choices").c_str());
}

Analyzer* make(std::string_view segmenter, std::string_view letter_case, bool possessive,
               const std::vector<std::string>& stop_words, std::string_view stemming, nb::object prepare, nb::object stem) {
  AnalyzerOptions options;
  options.segmenter = choose<Segmenter>(
      "segmenter", segmenter,
      {{"words", Segmenter::words},
       {"bigrams", Segmenter::bigrams},
       {"all_bigrams", Segmenter::all_bigrams},
       {"whitespace", Segmenter::whitespace}});
  options.letter_case =
      choose<Case>("case", letter_case, {{"keep", Case::keep}, {"lower", Case::lower}, {"turkish", Case::turkish}});
  options.stemming = choose<Stemming>(
      "stemming", stemming, {{"none", Stemming::none}, {"porter", Stemming::porter}, {"python", Stemming::python}});
  if (options.stemming == Stemming::python && stem.is_none()) throw nb::value_error("stemming is 'python' and stem is None");
  options.possessive = possessive;
  options.stop_words = stop_words;
  options.prepare = std::move(prepare);
  options.stem = std::move(stem);
  return new Analyzer(std::move(options));
}

}  // namespace

void bind_analyzer(nb::module_& m) {
  nb::class_<Analyzer>(m, "Analyzer", "Text -> surface tokens -> terms; immutable.")
      .def(nb::new_(&make), nb::kw_only(), nb::arg("segmenter"), nb::arg("case"), nb::arg("possessive"),
           nb::arg("stop_words"), nb::arg("stemming"), nb::arg("prepare").none(), nb::arg("stem").none())
      .def(
          "surface",
          [](const Analyzer& self, nb::object text) {
            Tokens tokens;
            self.tokenize(Utf8(text).view(), tokens);
            return to_list(tokens);
          },
          nb::arg("text"), nb::sig("def surface(self, text: str | bytes) -> list[str]"))
      .def(
          "tokens",
          [](const Analyzer& self, nb::object text) {
            Tokens tokens;
            self.analyze(Utf8(text).view(), tokens);
            return to_list(tokens);
          },
          nb::arg("text"), nb::sig("def tokens(self, text: str | bytes) -> list[str]"))
      .def(
          "normalise",
          [](const Analyzer& self, nb::str token) -> nb::object {
            std::string term;
            if (!self.normalise(Utf8(token).view(), term)) return nb::none();
            nb::object text = nb::steal(PyUnicode_DecodeUTF8(term.data(), static_cast<Py_ssize_t>(term.size()), "surrogatepass"));
            if (!text.is_valid()) throw nb::python_error();
            return text;
          },
          nb::arg("token"), nb::sig("def normalise(self, token: str) -> str | None"))
      .def(
          "count",
          [](const Analyzer& self, nb::object text) {
            const Utf8 utf8(text);  // lives as long as the argument
            Tokens tokens;
            const nb::gil_scoped_release released;
            self.tokenize(utf8.view(), tokens);
            return tokens.size();
          },
          nb::arg("text"), nb::sig("def count(self, text: str | bytes) -> int"), "Number of surface tokens; makes no Python objects and releases the GIL.")
      .def_prop_ro("cheap_normalise", &Analyzer::cheap_normalise);
}

}  // namespace spaniel
