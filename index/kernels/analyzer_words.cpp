// Words are those of UAX #29 (rules WB3c to WB16) as Lucene's StandardTokenizer applies them: the longest token at each place
// within 255 UTF-16 code units. Two small machines read the classes of the code points, one for words and numbers, one for
// emoji sequences; ideographs, hiragana and South-East Asian runs need none.
#include "analyzer_words.hpp"

#include <array>

namespace spaniel {
namespace {

using namespace unicode;

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

// ---- walking the text

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

}  // namespace

bool is_extender(Class c) {
  for (Class extender : kExtenders)
    if (c == extender) return true;
  return false;
}

Found token_at(const char* text, size_t left) {
  const Class first = class_of(decode(text, left).value);
  size_t length = 0;
  switch (first) {
    case HAN: return {with_marks(text, left, false), Kind::ideograph};
    case HIRAGANA: return {with_marks(text, left, false), Kind::kana};
    case COMPLEX:
    case COMPLEX_EXTEND: return {with_marks(text, left, true), Kind::south_east_asian};
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

}  // namespace spaniel
