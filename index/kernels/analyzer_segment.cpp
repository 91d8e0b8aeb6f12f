// Text to surface tokens: three segmenters over the words of analyzer_words.cpp. Text in ASCII, which is most of it, takes a path of
// its own and meets no tables of Unicode; its usual words are found, lower-cased and stored sixteen bytes at a time.
#include <array>
#include <vector>

#include "analyzer.hpp"
#include "analyzer_words.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace spaniel {
namespace {

// ---- output

// Appends to Tokens with room to spare, so that a token can be stored by a whole vector.
class Writer {
 public:
  static constexpr size_t kSlack = 16;  // bytes that may be written behind a token

  explicit Writer(Tokens& out, size_t expected) : out_(out), used_(out.bytes.size()) {
    out_.bytes.resize(used_ + expected + kSlack);
  }
  ~Writer() { out_.bytes.resize(used_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Where `size` bytes can be stored, and kSlack more.
  char* room(size_t size) {
    if (used_ + size + kSlack > out_.bytes.size()) out_.bytes.resize(2 * out_.bytes.size() + size + kSlack);
    return out_.bytes.data() + used_;
  }
  void took(size_t size) { used_ += size; }
  void end_token() { out_.ends.push_back(static_cast<uint32_t>(used_)); }

 private:
  Tokens& out_;
  size_t used_;
};

inline char lower_ascii(char c) { return static_cast<char>(c | (static_cast<uint8_t>(c - 'A') < 26 ? 0x20 : 0)); }

void append_ascii(const char* text, size_t length, Case letter_case, Writer& out) {
  char* to = out.room(length);
  for (size_t i = 0; i < length; ++i) to[i] = letter_case == Case::keep ? text[i] : lower_ascii(text[i]);
  out.took(length);
  out.end_token();
}

void append(const char* text, size_t length, Case letter_case, Writer& out) {
  for (size_t at = 0; at < length;) {
    const CodePoint c = decode(text + at, length - at);
    at += c.length;
    uint32_t value = c.value;
    if (letter_case == Case::turkish && value == 'I') {
      // I is the capital of dotless i; with a dot above, of i (as is U+0130, whose simple mapping is right already).
      const bool dotted = at < length && decode(text + at, length - at).value == 0x307;
      value = dotted ? 'i' : 0x131;
      at += dotted ? 2 : 0;
    } else if (letter_case != Case::keep) {
      value = lower(value);
    }
    out.took(encode(value, out.room(4)));
  }
  out.end_token();
}

// ---- ASCII

enum Ascii : uint8_t {
  kNothing, kLetter, kDigit, kUnderscore, kMidBoth, kMidLetter, kMidNumber, kKeycapBase, kHighByte
};

struct AsciiTable {
  std::array<uint8_t, 256> kind{};
  constexpr AsciiTable() {
    for (int c = 0; c < 26; ++c) kind['a' + c] = kind['A' + c] = kLetter;
    for (int c = '0'; c <= '9'; ++c) kind[c] = kDigit;
    kind['_'] = kUnderscore;
    kind['.'] = kind['\''] = kMidBoth;
    kind[':'] = kMidLetter;
    kind[','] = kind[';'] = kMidNumber;
    kind['#'] = kind['*'] = kKeycapBase;
    for (int c = 128; c < 256; ++c) kind[c] = kHighByte;
  }
};
constexpr AsciiTable kAscii;

inline Ascii ascii(char c) { return static_cast<Ascii>(kAscii.kind[static_cast<uint8_t>(c)]); }

// The token in ASCII that starts at text[from], a letter, digit or underscore. Returns its end; `from` if there is no token up to
// `stop`; npos if code points beyond ASCII or the length limit could play a part.
size_t ascii_word(std::string_view text, size_t from, size_t& stop) {
  constexpr size_t npos = std::string_view::npos;
  size_t at = from;
  bool has_base = false;
  for (;;) {
    Ascii last = kUnderscore;
    while (at < text.size()) {
      const Ascii kind = ascii(text[at]);
      if (kind < kLetter || kind > kUnderscore) break;
      has_base |= kind != kUnderscore;
      last = kind, ++at;
    }
    if (at - from > kMaxUnits) return npos;
    if (at == text.size()) break;
    const Ascii kind = ascii(text[at]);
    if (kind == kHighByte) return npos;
    const bool letter = last == kLetter && (kind == kMidBoth || kind == kMidLetter);
    const bool digit = last == kDigit && (kind == kMidBoth || kind == kMidNumber);
    if (!letter && !digit) break;
    if (at + 1 == text.size()) break;
    const Ascii following = ascii(text[at + 1]);
    if (following == kHighByte) return npos;
    if (following != (letter ? kLetter : kDigit)) break;
    ++at;
  }
  stop = at;
  return has_base ? at : from;
}

// The usual word: letters, digits and underscores within the next 16 bytes, with nothing behind it that could lengthen it. Stored at `to`
// and lower-cased; returns its length, or 0 if it takes a closer look. `left` bytes are readable.
inline size_t plain_word([[maybe_unused]] const char* text, [[maybe_unused]] size_t left, [[maybe_unused]] bool keep_case,
                         [[maybe_unused]] char* to) {
#if defined(__SSE2__)
  if (left < 16 || *text == '_') return 0;
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text));
  const auto within = [](__m128i x, char low, char width) {  // low <= x <= low + width, unsigned
    const __m128i above = _mm_sub_epi8(x, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(width)), above);
  };
  const __m128i case_bit = _mm_set1_epi8(0x20);
  const __m128i letter = within(_mm_or_si128(v, case_bit), 'a', 25);
  const __m128i other = _mm_or_si128(within(v, '0', 9), _mm_cmpeq_epi8(v, _mm_set1_epi8('_')));
  const unsigned outside = ~static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(letter, other))) & 0xFFFF;
  if (outside == 0) return 0;
  const auto length = static_cast<size_t>(__builtin_ctz(outside));
  const Ascii next = ascii(text[length]);
  if (next >= kMidBoth && (next == kHighByte || length + 1 == left || ascii(text[length + 1]) != kNothing)) return 0;
  const __m128i lowered = _mm_or_si128(v, _mm_and_si128(letter, case_bit));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), keep_case ? v : lowered);
  return length;
#else
  return 0;
#endif
}

// ---- segmenters

// Calls sink.plain(text, left) at words, which may take one and return its length, and sink.token(at, length, kind, ascii) for
// every other token.
template <class Sink>
void for_each_token(std::string_view text, Sink& sink) {
  for (size_t at = 0; at < text.size();) {
    const Ascii kind = ascii(text[at]);
    const size_t left = text.size() - at;
    if (kind >= kLetter && kind <= kUnderscore) {
      if (const size_t length = sink.plain(text.data() + at, left)) {
        at += length;
        continue;
      }
      size_t stop = at;
      const size_t end = ascii_word(text, at, stop);
      if (end != std::string_view::npos) {
        if (end != at) sink.token(at, end - at, Kind::word, true);
        at = stop;
        continue;
      }
    } else if (kind < kKeycapBase || (kind == kKeycapBase && (left == 1 || ascii(text[at + 1]) != kHighByte))) {
      ++at;
      continue;
    }
    const Found found = token_at(text.data() + at, left);
    if (found.length) sink.token(at, found.length, found.kind, false);
    at += found.length ? found.length : decode(text.data() + at, left).length;
  }
}

class Words {
 public:
  Words(std::string_view text, Case letter_case, Writer& out) : text_(text), case_(letter_case), out_(out) {}

  size_t plain(const char* text, size_t left) {
    if (case_ == Case::turkish) return 0;
    const size_t length = plain_word(text, left, case_ == Case::keep, out_.room(16));
    if (length) out_.took(length), out_.end_token();
    return length;
  }
  void token(size_t at, size_t length, Kind, bool ascii) {
    if (ascii && case_ != Case::turkish) append_ascii(text_.data() + at, length, case_, out_);
    else append(text_.data() + at, length, case_, out_);
  }

 protected:
  std::string_view text_;
  Case case_;
  Writer& out_;
};

// Han, kana and Hangul that touch form one run, written as its overlapping pairs of characters, or as the character if there is
// only one; marks stay with their character. Other words are whole. Close to Lucene's CJKBigramFilter. `all` does the same to
// South-East Asian scripts, whose words have no spaces between them either.
class Bigrams : public Words {
 public:
  Bigrams(std::string_view text, Case letter_case, bool all, Writer& out) : Words(text, letter_case, out), all_(all) {}

  size_t plain(const char* text, size_t left) {
    flush();
    return Words::plain(text, left);
  }
  void token(size_t at, size_t length, Kind kind, bool ascii) {
    const bool whole = kind == Kind::word || (kind == Kind::south_east_asian && !all_);
    if (whole || at != end_) flush();
    if (whole) return Words::token(at, length, kind, ascii);
    end_ = at + length;
    for (size_t i = at; i < end_;) {
      const CodePoint c = decode(text_.data() + i, end_ - i);
      if (i == at || !is_extender(class_of(c.value))) starts_.push_back(i);
      i += c.length;
    }
  }
  void flush() {
    const size_t n = starts_.size();
    starts_.push_back(end_);
    if (n == 1) append(text_.data() + starts_[0], end_ - starts_[0], case_, out_);
    for (size_t i = 0; i + 1 < n; ++i) append(text_.data() + starts_[i], starts_[i + 2] - starts_[i], case_, out_);
    starts_.clear();
  }

 private:
  bool all_;
  std::vector<size_t> starts_;  // of the characters of the run
  size_t end_ = 0;              // of the run
};

void segment_whitespace(std::string_view text, Case letter_case, Writer& out) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint first = decode(text.data() + at, text.size() - at);
    if (is_space(first.value)) {
      at += first.length;
      continue;
    }
    size_t end = at;
    while (end < text.size()) {
      const CodePoint c = decode(text.data() + end, text.size() - end);
      if (is_space(c.value)) break;
      end += c.length;
    }
    append(text.data() + at, end - at, letter_case, out);
    at = end;
  }
}

}  // namespace

void segment(std::string_view utf8, Segmenter segmenter, Case letter_case, Tokens& out) {
  Writer writer(out, utf8.size());
  if (segmenter == Segmenter::words) {
    Words words(utf8, letter_case, writer);
    for_each_token(utf8, words);
  } else if (segmenter == Segmenter::bigrams || segmenter == Segmenter::all_bigrams) {
    Bigrams bigrams(utf8, letter_case, segmenter == Segmenter::all_bigrams, writer);
    for_each_token(utf8, bigrams);
    bigrams.flush();
  } else {
    segment_whitespace(utf8, letter_case, writer);
  }
}

}  // namespace spaniel
