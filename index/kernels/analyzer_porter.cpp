// Porter's stemmer (M.F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980) with the three changes its author
// made to it later: "bli" for "abli", "logi" to "log", and words of one or two letters left alone. Lucene's PorterStemFilter
// does the same. Lengths are UTF-16 code units, as there: a letter beyond the BMP counts as two consonants.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer.hpp"

namespace spaniel {
namespace {

// Char is char for ASCII words and char16_t for the rest: only ASCII letters have roles, every other unit is a consonant.
template <class Char>
class Porter {
 public:
  explicit Porter(std::basic_string<Char>& word) : w_(word), end_(static_cast<int>(word.size())) {}

  void stem() {
    if (end_ < 3) return;
    plurals_and_participles();
    final_y();
    double_suffixes();
    ic_full_ness();
    long_suffixes();
    final_e_and_ll();
    w_.resize(end_);
  }

 private:
  std::basic_string<Char>& w_;
  int end_;       // the word is w_[0, end_)
  int stem_ = 0;  // what is left of the suffix that `ends` found last is w_[0, stem_)

  bool consonant(int i) const {
    switch (w_[i]) {
      case 'a': case 'e': case 'i': case 'o': case 'u': return false;
      case 'y': return i == 0 || !consonant(i - 1);
      default: return true;
    }
  }
  // The number of vowel-consonant sequences in the stem: m of the paper.
  int measure() const {
    int m = 0;
    bool previous_is_vowel = false;
    for (int i = 0; i < stem_; ++i) {
      // Equal to consonant(i) without its recursion.
      const Char c = w_[i];
      const bool plain_vowel = c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
      const bool vowel = plain_vowel || (c == 'y' && i > 0 && !previous_is_vowel);
      m += previous_is_vowel && !vowel;
      previous_is_vowel = vowel;
    }
    return m;
  }
  bool vowel_in_stem() const {
    for (int i = 0; i < stem_; ++i)
      if (!consonant(i)) return true;
    return false;
  }
  bool double_consonant(int end) const { return end >= 2 && w_[end - 1] == w_[end - 2] && consonant(end - 1); }
  // consonant, vowel, consonant other than w, x, y: the *o condition of the paper, for w_[0, end).
  bool short_syllable(int end) const {
    if (end < 3 || !consonant(end - 1) || consonant(end - 2) || !consonant(end - 3)) return false;
    const Char last = w_[end - 1];
    return last != 'w' && last != 'x' && last != 'y';
  }
  bool ends(std::string_view suffix) {
    const int n = static_cast<int>(suffix.size());
    if (n > end_) return false;
    for (int i = 0; i < n; ++i)
      if (w_[end_ - n + i] != static_cast<Char>(suffix[i])) return false;
    stem_ = end_ - n;
    return true;
  }
  // Puts `suffix` behind the stem. It may be longer than what it replaces by one ("hop" + "e").
  void set(std::string_view suffix) {
    w_.resize(stem_);
    for (char c : suffix) w_.push_back(static_cast<Char>(c));
    end_ = static_cast<int>(w_.size());
  }
  struct Rule {
    std::string_view suffix, replacement;
  };
  // The first rule whose suffix fits decides, even if the stem is then too short to be changed.
  template <size_t n>
  void replace_first(const Rule (&rules)[n]) {
    for (const Rule& rule : rules)
      if (ends(rule.suffix)) {
        if (measure() > 0) set(rule.replacement);
        return;
      }
  }

  void plurals_and_participles() {  // steps 1a and 1b
    if (w_[end_ - 1] == 's') {
      if (ends("sses")) end_ -= 2;
      else if (ends("ies")) set("i");
      else if (w_[end_ - 2] != 's') --end_;
    }
    if (ends("eed")) {
      if (measure() > 0) --end_;
      return;
    }
    if (!(ends("ed") || ends("ing")) || !vowel_in_stem()) return;
    end_ = stem_;
    if (ends("at")) set("ate");
    else if (ends("bl")) set("ble");
    else if (ends("iz")) set("ize");
    else if (double_consonant(end_)) {
      const Char last = w_[end_ - 1];
      if (last != 'l' && last != 's' && last != 'z') --end_;
    } else if (stem_ = end_; measure() == 1 && short_syllable(end_)) set("e");
  }
  void final_y() {  // step 1c
    if (ends("y") && vowel_in_stem()) w_[end_ - 1] = 'i';
  }
  void double_suffixes() {  // step 2
    static constexpr Rule rules[] = {
        {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},  {"anci", "ance"},   {"izer", "ize"},
        {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},  {"eli", "e"},       {"ousli", "ous"},
        {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},   {"alism", "al"},    {"iveness", "ive"},
        {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},   {"iviti", "ive"},   {"biliti", "ble"},
        {"logi", "log"}};
    replace_first(rules);
  }
  void ic_full_ness() {  // step 3
    static constexpr Rule rules[] = {{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"},
                                     {"ical", "ic"},  {"ful", ""},   {"ness", ""}};
    replace_first(rules);
  }
  void long_suffixes() {  // step 4
    static constexpr std::string_view suffixes[] = {"al",   "ance", "ence", "er",  "ic",  "able", "ible", "ant", "ement",
                                                    "ment", "ent",  "ion",  "ou",  "ism", "ate",  "iti",  "ous", "ive",
                                                    "ize"};
    for (const std::string_view suffix : suffixes) {
      if (!ends(suffix)) continue;
      if (suffix == "ion" && !(stem_ > 0 && (w_[stem_ - 1] == 's' || w_[stem_ - 1] == 't'))) continue;
      if (measure() > 1) end_ = stem_;
      return;
    }
  }
  void final_e_and_ll() {  // step 5
    stem_ = end_;
    const int m = measure();
    if (w_[end_ - 1] == 'e' && (m > 1 || (m == 1 && !short_syllable(end_ - 1)))) --end_;
    if (end_ > 0 && w_[end_ - 1] == 'l' && double_consonant(end_) && m > 1) --end_;
  }
};

// `width` gets the bytes of each unit: of a surrogate pair the first has them all.
std::u16string to_utf16(std::string_view utf8, std::vector<uint8_t>& width) {
  std::u16string out;
  for (size_t i = 0; i < utf8.size();) {
    const auto at = [&](size_t k) {  // a cut-off sequence is read as if zeros followed
      return i + k < utf8.size() ? static_cast<uint32_t>(static_cast<uint8_t>(utf8[i + k])) : 0u;
    };
    const uint32_t lead = at(0);
    if (lead < 0x80) {
      out.push_back(static_cast<char16_t>(lead)), width.push_back(1), i += 1;
    } else if (lead < 0xE0) {
      out.push_back(static_cast<char16_t>((lead & 0x1F) << 6 | (at(1) & 0x3F))), width.push_back(2), i += 2;
    } else if (lead < 0xF0) {
      out.push_back(static_cast<char16_t>((lead & 0x0F) << 12 | (at(1) & 0x3F) << 6 | (at(2) & 0x3F))), width.push_back(3), i += 3;
    } else {
      const uint32_t c = (lead & 7) << 18 | (at(1) & 0x3F) << 12 | (at(2) & 0x3F) << 6 | (at(3) & 0x3F);
      out.push_back(static_cast<char16_t>(0xD7C0 + (c >> 10)));
      out.push_back(static_cast<char16_t>(0xDC00 + (c & 0x3FF)));
      width.push_back(4), width.push_back(0), i += 4;
    }
  }
  return out;
}

}  // namespace

void porter_stem(std::string& utf8) {
  bool ascii = true;
  for (char c : utf8) ascii &= static_cast<signed char>(c) >= 0;
  if (ascii) {
    Porter<char>(utf8).stem();
    return;
  }
  std::vector<uint8_t> width;
  const std::u16string before = to_utf16(utf8, width);
  std::u16string after = before;
  Porter<char16_t>(after).stem();
  // Beyond a common beginning only ASCII letters are left: suffixes are taken away or replaced, nothing else is touched.
  size_t common = 0;
  while (common < after.size() && after[common] == before[common]) ++common;
  size_t bytes = 0;
  for (size_t i = 0; i < common; ++i) bytes += width[i];
  utf8.resize(std::min(bytes, utf8.size()));
  for (size_t i = common; i < after.size(); ++i) utf8.push_back(static_cast<char>(after[i]));
}

}  // namespace spaniel
