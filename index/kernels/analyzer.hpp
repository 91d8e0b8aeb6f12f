// Text analysis: text -> surface tokens -> terms. The pure Python twin is index/analysis/reference.py.
//
// Two steps, so that a caller can remember the second one for each distinct surface form:
//   tokenize   segments by the word rules of UAX #29 as Lucene's StandardTokenizer applies them, and lower-cases
//   normalise  possessive, stop words, stemming; may drop the token
// An Analyzer never changes after construction; any number of threads share it.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace spaniel {

struct Tokens {
  std::string bytes;           // UTF-8, tokens one after the other
  std::vector<uint32_t> ends;  // token i is bytes[ends[i-1], ends[i])

  void clear() {
    bytes.clear();
    ends.clear();
  }
  size_t size() const { return ends.size(); }
  std::string_view operator[](size_t i) const {
    const uint32_t start = i ? ends[i - 1] : 0;
    return {bytes.data() + start, ends[i] - start};
  }
};

enum class Segmenter : uint8_t { words, bigrams, all_bigrams, whitespace };
enum class Case : uint8_t { keep, lower, turkish };
enum class Stemming : uint8_t { none, porter, python };

struct AnalyzerOptions {
  Segmenter segmenter = Segmenter::words;
  Case letter_case = Case::lower;
  bool possessive = false;
  Stemming stemming = Stemming::none;
  std::vector<std::string> stop_words;
  nanobind::object prepare;  // None, or bytes -> bytes run on text that is not ASCII before it is segmented
  nanobind::object stem;     // for Stemming::python: bytes -> bytes
};

class Analyzer {
 public:
  explicit Analyzer(AnalyzerOptions options);

  // Appends the surface tokens of the text: segmented and lower-cased. Bytes that are not UTF-8 separate words.
  // Takes the GIL only if the analyser prepares its text (NFKC) and the text is not ASCII.
  void tokenize(std::string_view utf8, Tokens& out) const;

  // Replaces `out` by the term of one surface token; false if the token is dropped. Takes the GIL for Python stemmers.
  bool normalise(std::string_view surface, std::string& out) const;

  bool cheap_normalise() const { return options_.stemming != Stemming::python; }

  // Both steps: appends the terms.
  void analyze(std::string_view utf8, Tokens& out) const;

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view word) const { return std::hash<std::string_view>{}(word); }
  };
  AnalyzerOptions options_;
  std::unordered_set<std::string, Hash, std::equal_to<>> stop_words_;
  size_t longest_stop_word_ = 0;
};

// Parts, each in its own source.
void segment(std::string_view utf8, Segmenter segmenter, Case letter_case, Tokens& out);  // analyzer_segment.cpp
void porter_stem(std::string& utf8);                                                        // analyzer_porter.cpp

}  // namespace spaniel
