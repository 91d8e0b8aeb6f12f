// Segmentation. Words are those of UAX #29 (rules WB3c to WB16) as Lucene's StandardTokenizer applies them: the longest token at
// each place within 255 UTF-16 code units, and what belongs to no token is left out. Two small machines read the classes of the code
// points: one for words and numbers, one for emoji sequences; ideographs, hiragana and South-East Asian runs need none.
// Text in ASCII, which is most of it, takes a path of its own and meets neither machine.
#include <array>
#include <cstring>

#include "analyzer.hpp"
#include "unicode_tables.hpp"

namespace spaniel {
namespace {

using namespace unicode;

constexpr size_t kMaxUnits = 255;  // UTF-16 code units of a token; longer ones are cut
constexpr uint32_t kReplacement = 0xFFFD;

// ---- code points

struct CodePoint {
  uint32_t value;
  uint32_t length;  // bytes
};

// Never reads past the end. Lone surrogates (which Python strings can hold) decode to themselves and belong to class OTHER; any
// other malformed byte decodes to U+FFFD, one byte at a time.
inline CodePoint decode(const char* text, size_t left) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(text[i])); };
  const auto tail = [&](size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead >= 0xC2 && lead < 0xE0 && left >= 2 && tail(1)) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (lead >= 0xE0 && lead < 0xF0 && left >= 3 && tail(1) && tail(2)) {
    const uint32_t value = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    if (value >= 0x800) return {value, 3};
  }
  if (lead >= 0xF0 && lead < 0xF5 && left >= 4 && tail(1) && tail(2) && tail(3)) {
    const uint32_t value = (lead & 7) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
    if (value >= 0x10000 && value < 0x110000) return {value, 4};
  }
  return {kReplacement, 1};
}

inline void encode(uint32_t c, std::string& out) {
  if (c >= 0xD800 && c < 0xE000) c = kReplacement;  // tokens are always valid UTF-8
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    const char bytes[] = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))};
    out.append(bytes, 2);
  } else if (c < 0x10000) {
    const char bytes[] = {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 0x3F)),
                          static_cast<char>(0x80 | (c & 0x3F))};
    out.append(bytes, 3);
  } else {
    const char bytes[] = {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 0x3F)),
                          static_cast<char>(0x80 | (c >> 6 & 0x3F)), static_cast<char>(0x80 | (c & 0x3F))};
    out.append(bytes, 4);
  }
}

inline Class class_of(uint32_t c) { return static_cast<Class>(kClasses[kBlockOf[c >> 8] << 8 | (c & 0xFF)]); }

uint32_t find_lower(uint32_t c) {
  size_t low = 0, high = std::size(kLowerRuns);
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (kLowerRuns[middle].end < c) low = middle + 1;
    else high = middle;
  }
  if (low == std::size(kLowerRuns) || c < kLowerRuns[low].start) return c;
  const LowerRun& run = kLowerRuns[low];
  return (c - run.start) % run.step ? c : c + run.delta;
}

// Lower case of the first 0x600 code points (Latin, Greek, Cyrillic, Armenian) by table; the rest is searched.
struct LowerTable {
  std::array<uint16_t, 0x600> value;
  LowerTable() {
    for (uint32_t c = 0; c < value.size(); ++c) value[c] = static_cast<uint16_t>(find_lower(c));
  }
};
const LowerTable kLower;

inline uint32_t lower(uint32_t c) { return c < kLower.value.size() ? kLower.value[c] : c < 0x10A0 ? c : find_lower(c); }

inline bool is_space(uint32_t c) {
  return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// ---- the two machines

constexpr Class kExtenders[] = {EXTEND,      COMPLEX_EXTEND, ZWJ, KEYCAP, TEXT_STYLE,
                                EMOJI_STYLE, SKIN_TONE,      TAG, TAG_END};
constexpr Class kLetters[] = {LETTER, HANGUL, LETTER_PICTURE};

// State 0 is the dead end. A token may end in a state below `n_final`.
template <int n_states, int n_final_states>
struct Machine {
  static constexpr int n_final = n_final_states;
  std::array<std::array<uint8_t, N_CLASSES>, n_states> next{};
  constexpr bool final(int state) const { return state < n_final; }
};

namespace words {
// LETTERS, HEBREW, NUMBER, KANA, CONNECTED: after such a character. QUOTED: after a Hebrew letter and its quote. The rest wait for a
// character without which the token ends earlier: AFTER_MID for a letter, AFTER_NUM for a digit, AFTER_DOUBLE for a Hebrew letter, START_CONNECTOR for any.
enum State : uint8_t { DEAD, LETTERS, HEBREW_, NUMBER, KANA, CONNECTED, QUOTED, N_FINAL,
                       START = N_FINAL, START_CONNECTOR, AFTER_MID, AFTER_NUM, AFTER_DOUBLE, N_STATES };

constexpr auto build() {
  Machine<N_STATES, N_FINAL> m;
  for (int s = 1; s < N_STATES; ++s)  // WB4: marks stay with what they follow
    if (s != START)
      for (Class c : kExtenders) m.next[s][c] = static_cast<uint8_t>(s);
  for (int s : {START, LETTERS, HEBREW_, NUMBER, CONNECTED, QUOTED, START_CONNECTOR}) {  // WB5, WB8, WB9, WB10, WB13b
    for (Class c : kLetters) m.next[s][c] = LETTERS;
    m.next[s][HEBREW] = HEBREW_;
    m.next[s][NUMERIC] = m.next[s][DIGIT] = NUMBER;
  }
  for (int s : {LETTERS, HEBREW_, NUMBER, KANA, CONNECTED, QUOTED}) m.next[s][CONNECTOR] = CONNECTED;  // WB13a
  for (int s : {START, START_CONNECTOR}) m.next[s][CONNECTOR] = START_CONNECTOR;
  for (int s : {START, KANA, CONNECTED, START_CONNECTOR}) m.next[s][KATAKANA] = KANA;  // WB13, WB13b
  for (int s : {LETTERS, HEBREW_})  // WB6, WB7
    for (Class c : {MID_LETTER, MID_NUM_LET, SINGLE_QUOTE}) m.next[s][c] = AFTER_MID;
  for (Class c : {MID_NUM, MID_NUM_LET, SINGLE_QUOTE}) m.next[NUMBER][c] = AFTER_NUM;  // WB11, WB12
  m.next[HEBREW_][SINGLE_QUOTE] = QUOTED;                                              // WB7a
  m.next[HEBREW_][DOUBLE_QUOTE] = AFTER_DOUBLE;                                        // WB7b, WB7c
  for (Class c : kLetters) m.next[AFTER_MID][c] = LETTERS;
  m.next[AFTER_MID][HEBREW] = LETTERS;  // Lucene: a second quote does not follow such a letter
  m.next[AFTER_NUM][NUMERIC] = m.next[AFTER_NUM][DIGIT] = NUMBER;
  m.next[AFTER_DOUBLE][HEBREW] = QUOTED;
  return m;
}
constexpr auto machine = build();
}  // namespace words

namespace emoji {
// An element is a picture with its marks, or a skin tone alone; elements are chained by ZWJ (UTS #51, ED-16). FIRST and MORE differ in what
// may follow a ZWJ; STYLED is an element with U+FE0F; FLAG two regional indicators; KEYED a keycap sequence; TAGGED a flag of tags.
enum State : uint8_t { DEAD, FIRST, FIRST_ZWJ, FIRST_STYLED, MORE, MORE_ZWJ, MORE_STYLED, TONE, TONE_ZWJ, TAGGED, FLAG, KEYED, KEYED_STYLED, N_FINAL,
                       START = N_FINAL, LEADING_ZWJ, STYLED_ZWJ, STYLED_ZWJS, TAGS, HALF_FLAG, KEY, KEY_STYLED, N_STATES };

constexpr auto build() {
  Machine<N_STATES, N_FINAL> m;
  const auto stay = [&m](int s, bool with_zwj, bool with_styles) {
    for (Class c : {EXTEND, COMPLEX_EXTEND, KEYCAP, SKIN_TONE, TAG, TAG_END}) m.next[s][c] = static_cast<uint8_t>(s);
    if (with_zwj) m.next[s][ZWJ] = static_cast<uint8_t>(s);
    if (with_styles) m.next[s][TEXT_STYLE] = m.next[s][EMOJI_STYLE] = static_cast<uint8_t>(s);
  };
  const auto picture = [&m](int s, State to) { m.next[s][PICTURE] = m.next[s][LETTER_PICTURE] = to; };
  const auto marks_return = [&m](int s, State to) {
    for (Class c : {EXTEND, COMPLEX_EXTEND, KEYCAP, SKIN_TONE, TAG, TAG_END}) m.next[s][c] = to;
  };
  picture(START, FIRST), picture(LEADING_ZWJ, FIRST);
  m.next[START][ZWJ] = m.next[LEADING_ZWJ][ZWJ] = LEADING_ZWJ;  // WB3c
  m.next[START][SKIN_TONE] = TONE;
  m.next[START][REGIONAL] = HALF_FLAG;  // WB15, WB16
  m.next[START][KEYCAP_BASE] = m.next[START][DIGIT] = KEY;

  stay(FIRST, false, false), marks_return(FIRST_ZWJ, FIRST);
  for (int s : {FIRST, FIRST_ZWJ}) m.next[s][ZWJ] = FIRST_ZWJ, m.next[s][EMOJI_STYLE] = FIRST_STYLED;
  picture(FIRST_ZWJ, MORE);
  m.next[FIRST_STYLED][ZWJ] = STYLED_ZWJ;
  m.next[FIRST_STYLED][TAG] = m.next[TAGS][TAG] = TAGS;
  m.next[TAGS][TAG_END] = TAGGED;
  m.next[STYLED_ZWJ][SKIN_TONE] = TONE;
  picture(STYLED_ZWJ, MORE), picture(STYLED_ZWJS, MORE);
  m.next[STYLED_ZWJ][ZWJ] = m.next[STYLED_ZWJS][ZWJ] = STYLED_ZWJS;

  stay(MORE, false, false), marks_return(MORE_ZWJ, MORE), picture(MORE_ZWJ, MORE);
  for (int s : {MORE, MORE_ZWJ}) m.next[s][ZWJ] = MORE_ZWJ, m.next[s][EMOJI_STYLE] = MORE_STYLED;
  m.next[MORE_STYLED][ZWJ] = STYLED_ZWJ;

  stay(TONE, false, false), marks_return(TONE_ZWJ, TONE), picture(TONE_ZWJ, MORE);
  m.next[TONE][ZWJ] = m.next[TONE_ZWJ][ZWJ] = TONE_ZWJ;

  stay(HALF_FLAG, true, true), stay(FLAG, true, true);
  m.next[HALF_FLAG][REGIONAL] = FLAG;

  stay(KEY, true, false), stay(KEYED, true, false), stay(KEYED_STYLED, true, false);
  m.next[KEY][KEYCAP] = KEYED;
  m.next[KEY][EMOJI_STYLE] = m.next[KEYED][EMOJI_STYLE] = KEY_STYLED;
  m.next[KEY_STYLED][KEYCAP] = KEYED_STYLED;
  return m;
}
constexpr auto machine = build();
}  // namespace emoji

// ---- tokens

enum class Kind : uint8_t { none, word, ideograph, kana, hangul };

struct Token {
  size_t length;  // bytes; 0 if no token starts here
  Kind kind;
};

constexpr bool is_extender(Class c) {
  for (Class extender : kExtenders)
    if (c == extender) return true;
  return false;
}

// Walks the code points from `text` within the 255 units, as long as `step(class)` wants more.
template <class Step>
inline void walk(const char* text, size_t left, Step step) {
  size_t at = 0, units = 0;
  while (at < left) {
    const CodePoint c = decode(text + at, left - at);
    units += c.value >= 0x10000 ? 2 : 1;
    if (units > kMaxUnits) return;
    at += c.length;
    if (!step(class_of(c.value), at)) return;
  }
}

template <class M>
size_t longest(const M& machine, int start, const char* text, size_t left) {
  size_t best = 0;
  int state = start;
  walk(text, left, [&](Class c, size_t end) {
    state = machine.next[state][c];
    if (state != 0 && machine.final(state)) best = end;
    return state != 0;
  });
  return best;
}

// One character with its marks (`base` once), or a run of them.
size_t with_marks(const char* text, size_t left, bool run) {
  size_t best = 0;
  walk(text, left, [&](Class c, size_t end) {
    const bool fits = best == 0 || is_extender(c) || (run && c == COMPLEX);
    if (fits) best = end;
    return fits;
  });
  return best;
}

bool only(Class wanted, const char* text, size_t length) {
  for (size_t at = 0; at < length;) {
    const CodePoint c = decode(text + at, length - at);
    const Class found = class_of(c.value);
    if (found != wanted && !is_extender(found)) return false;
    at += c.length;
  }
  return true;
}

// The longest token that starts at `text`.
Token token_at(const char* text, size_t left) {
  const Class first = class_of(decode(text, left).value);
  size_t length = 0;
  switch (first) {
    case HAN: return {with_marks(text, left, false), Kind::ideograph};
    case HIRAGANA: return {with_marks(text, left, false), Kind::kana};
    case COMPLEX:
    case COMPLEX_EXTEND: return {with_marks(text, left, true), Kind::word};
    case KATAKANA: {
      length = longest(words::machine, words::START, text, left);
      return {length, only(KATAKANA, text, length) ? Kind::kana : Kind::word};
    }
    case HANGUL: {
      length = longest(words::machine, words::START, text, left);
      return {length, only(HANGUL, text, length) ? Kind::hangul : Kind::word};
    }
    case LETTER: case HEBREW: case NUMERIC: case CONNECTOR:
      return {longest(words::machine, words::START, text, left), Kind::word};
    case DIGIT: case LETTER_PICTURE: {
      length = longest(words::machine, words::START, text, left);
      const size_t as_emoji = longest(emoji::machine, emoji::START, text, left);
      return {length > as_emoji ? length : as_emoji, Kind::word};
    }
    case PICTURE: case ZWJ: case SKIN_TONE: case REGIONAL: case KEYCAP_BASE:
      return {longest(emoji::machine, emoji::START, text, left), Kind::word};
    default: return {0, Kind::none};
  }
}

// ---- output

inline void append_ascii(const char* text, size_t length, Case letter_case, Tokens& out) {
  const size_t start = out.bytes.size();
  out.bytes.append(text, length);
  if (letter_case != Case::keep) {
    char* word = out.bytes.data() + start;
    for (size_t i = 0; i < length; ++i) word[i] = static_cast<char>(word[i] | (static_cast<uint8_t>(word[i] - 'A') < 26 ? 0x20 : 0));
  }
  out.ends.push_back(static_cast<uint32_t>(out.bytes.size()));
}

// Turkish and Azeri: I is the capital of dotless i, U+0130 (or I with a dot above) that of i.
void append_turkish(const char* text, size_t length, std::string& out) {
  for (size_t at = 0; at < length;) {
    const CodePoint c = decode(text + at, length - at);
    at += c.length;
    if (c.value != 'I') {
      encode(lower(c.value), out);
    } else if (at < length && decode(text + at, length - at).value == 0x307) {
      out.push_back('i'), at += 2;
    } else {
      encode(0x131, out);
    }
  }
}

void append_text(const char* text, size_t length, Case letter_case, std::string& out) {
  if (letter_case == Case::turkish) return append_turkish(text, length, out);
  for (size_t at = 0; at < length;) {
    const CodePoint c = decode(text + at, length - at);
    encode(letter_case == Case::keep ? c.value : lower(c.value), out);
    at += c.length;
  }
}

void append(const char* text, size_t length, Case letter_case, Tokens& out) {
  append_text(text, length, letter_case, out.bytes);
  out.ends.push_back(static_cast<uint32_t>(out.bytes.size()));
}

// ---- the three segmenters

enum Ascii : uint8_t { kNothing, kLetter, kDigit, kUnderscore, kMidBoth, kMidLetter, kMidNumber, kHighByte };

struct AsciiTable {
  std::array<uint8_t, 256> kind{};
  constexpr AsciiTable() {
    for (int c = 0; c < 26; ++c) kind['a' + c] = kind['A' + c] = kLetter;
    for (int c = '0'; c <= '9'; ++c) kind[c] = kDigit;
    kind['_'] = kUnderscore;
    kind['.'] = kind['\''] = kMidBoth;
    kind[':'] = kMidLetter;
    kind[','] = kind[';'] = kMidNumber;
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

template <class Emit>
void for_each_word(std::string_view text, Emit emit) {
  for (size_t at = 0; at < text.size();) {
    const Ascii kind = ascii(text[at]);
    if (kind >= kLetter && kind <= kUnderscore) {
      size_t stop = at;
      const size_t end = ascii_word(text, at, stop);
      if (end != std::string_view::npos) {
        if (end != at) emit(at, end - at, Kind::word, true);
        at = stop;
        continue;
      }
    } else if (kind != kHighByte) {
      const bool keycap = (text[at] == '#' || text[at] == '*') && at + 1 < text.size() && ascii(text[at + 1]) == kHighByte;
      if (!keycap) {
        ++at;
        continue;
      }
    }
    const Token token = token_at(text.data() + at, text.size() - at);
    if (token.length) emit(at, token.length, token.kind, false);
    at += token.length ? token.length : decode(text.data() + at, text.size() - at).length;
  }
}

void segment_words(std::string_view text, Case letter_case, Tokens& out) {
  for_each_word(text, [&](size_t at, size_t length, Kind, bool is_ascii) {
    if (is_ascii && letter_case != Case::turkish) append_ascii(text.data() + at, length, letter_case, out);
    else append(text.data() + at, length, letter_case, out);
  });
}

// Han, kana and Hangul that touch form one run, written as its overlapping pairs of characters, or as the character if there is
// only one; marks stay with their character. Other words are whole. What Lucene's CJKBigramFilter does.
void segment_bigrams(std::string_view text, Case letter_case, Tokens& out) {
  std::vector<size_t> starts;  // of the characters of the run
  size_t end = 0;
  const auto flush = [&] {
    for (size_t i = 0; i < starts.size(); ++i) {
      const bool last = i + 1 == starts.size();
      if (last && i > 0) break;
      const size_t stop = i + 2 < starts.size() ? starts[i + 2] : end;
      append(text.data() + starts[i], stop - starts[i], letter_case, out);
    }
    starts.clear();
  };
  for_each_word(text, [&](size_t at, size_t length, Kind kind, bool is_ascii) {
    if (!starts.empty() && (kind == Kind::word || at != end)) flush();
    if (kind == Kind::word) {
      if (is_ascii && letter_case != Case::turkish) append_ascii(text.data() + at, length, letter_case, out);
      else append(text.data() + at, length, letter_case, out);
      return;
    }
    end = at + length;
    for (size_t i = at; i < end;) {
      const CodePoint c = decode(text.data() + i, end - i);
      if (!is_extender(class_of(c.value))) starts.push_back(i);
      i += c.length;
    }
  });
  flush();
}

void segment_whitespace(std::string_view text, Case letter_case, Tokens& out) {
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
  switch (segmenter) {
    case Segmenter::words: return segment_words(utf8, letter_case, out);
    case Segmenter::bigrams: return segment_bigrams(utf8, letter_case, out);
    case Segmenter::whitespace: return segment_whitespace(utf8, letter_case, out);
  }
}

}  // namespace spaniel
