// Numbers of the sparse part's layout, format version 1 (docs/format.md, "sparse").
//
// Postings are kept in four classes by document frequency, so that each term pays only for the tables that help it:
//   rare    a plain list (u32 document, u8 impact), no tables
//   medium  (u16 document within its window, u8 impact), one start per window
//   long    the same, and for each block of 2,048 documents a start and the largest impact
//   dense   one byte for every document (0: absent), and the largest of each block: smaller than a list from a third of
//           the documents on, looked up in one access and added without scattering
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace spaniel {

constexpr uint32_t kWindow = 32768;  // documents a window: its accumulators fill 64 KiB
constexpr uint32_t kBlock = 2048;    // documents a block: its accumulators fill 4 KiB
constexpr uint32_t kBlocksPerWindow = kWindow / kBlock;

enum class TermClass : uint8_t { rare, medium, longer, dense };

struct Layout {
  uint32_t n_docs = 0, n_windows = 0, n_blocks = 0, dense_stride = 0;
  uint32_t rare_max = 0, long_min = 0, dense_min = 0;

  static Layout of(uint32_t n_docs) {
    Layout layout;
    layout.n_docs = n_docs;
    layout.n_windows = (n_docs + kWindow - 1) / kWindow;
    layout.n_blocks = (n_docs + kBlock - 1) / kBlock;
    layout.dense_stride = (n_docs + 63) / 64 * 64;
    // Where a list's tables cost less than the two bytes a posting they save.
    layout.rare_max = std::clamp<uint32_t>(2 * layout.n_windows + 4, 32, 255);  // its df fits a byte
    // Tables of at most 3 / 8 byte a posting.
    layout.long_min = std::max<uint32_t>(8 * layout.n_blocks, std::max<uint32_t>(256, layout.rare_max + 1));
    layout.dense_min = std::max<uint32_t>((n_docs + 7) / 8, layout.long_min);
    return layout;
  }
  TermClass class_of(uint32_t df) const {
    if (df <= rare_max) return TermClass::rare;
    if (df >= dense_min) return TermClass::dense;
    return df >= long_min ? TermClass::longer : TermClass::medium;
  }
};

// A term's top marks: its largest, 10th, 100th and 1,000th largest impact, 0 where it has fewer. `count[q]` says how many of
// its impacts are q.
inline std::array<uint8_t, 4> top_marks(const std::array<uint32_t, 256>& count) {
  constexpr uint32_t kRanks[4] = {1, 10, 100, 1000};
  std::array<uint8_t, 4> top{};
  uint32_t seen = 0, level = 0;
  for (int q = 255; q > 0 && level < 4; --q) {
    seen += count[static_cast<size_t>(q)];
    while (level < 4 && seen >= kRanks[level]) top[level++] = static_cast<uint8_t>(q);
  }
  return top;
}

}  // namespace spaniel
