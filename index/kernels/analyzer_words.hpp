// The longest token at a place of a text: words and numbers, emoji sequences, ideographs, South-East Asian runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "analyzer_unicode.hpp"

namespace spaniel {

constexpr size_t kMaxUnits = 255;  // UTF-16 code units of a token; longer ones are cut

enum class Kind : uint8_t { none, word, ideograph, kana, hangul, south_east_asian };

struct Found {
  size_t length;  // bytes; 0 if no token starts here
  Kind kind;
};

// `left` bytes are readable at `text`, at least one.
Found token_at(const char* text, size_t left);

// Marks, format characters and joiners, which stay with the character before them.
bool is_extender(unicode::Class c);

}  // namespace spaniel
