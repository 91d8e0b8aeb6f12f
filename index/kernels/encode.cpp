// See encode.hpp.
#include "encode.hpp"

#include <stdexcept>

namespace spaniel {
namespace {

void append_top(std::vector<uint8_t>& out, std::span<const uint8_t> impact) {
  std::array<uint32_t, 256> count{};
  for (uint8_t q : impact) ++count[q];
  std::array<uint8_t, 4> top = top_marks(count);
  out.insert(out.end(), top.begin(), top.end());
}

void append_block_max(std::vector<uint8_t>& out, std::span<const uint32_t> doc, std::span<const uint8_t> impact,
                      uint32_t n_blocks) {
  size_t base = out.size();
  out.resize(base + n_blocks, 0);
  for (size_t i = 0; i < doc.size(); ++i) {
    uint8_t& top = out[base + doc[i] / kBlock];
    top = std::max(top, impact[i]);
  }
}

// Runs may come from files; what the loops below rely on is checked on the way in.
void check_list(std::span<const uint32_t> doc, uint8_t field, size_t n_fields, uint32_t n_docs) {
  if (field >= n_fields) throw std::invalid_argument("a run has a term of a field that does not exist");
  for (size_t i = 0; i < doc.size(); ++i) {
    if (doc[i] >= n_docs || (i && doc[i] <= doc[i - 1])) throw std::invalid_argument("a run's documents are out of order");
  }
}

}  // namespace

Encoder::Encoder(uint32_t n_docs, std::span<const uint8_t> length_code, std::vector<ImpactTable> tables, uint32_t n_medium,
                 uint32_t n_long)
    : layout_(Layout::of(n_docs)), length_code_(length_code), tables_(std::move(tables)), next_long_(n_medium),
      next_dense_(n_medium + n_long) {
  if (length_code.size() != static_cast<size_t>(n_docs) * tables_.size()) {
    throw std::invalid_argument("length codes do not fit the documents");
  }
}

void Encoder::encode_list(Encoded& out, std::span<const uint32_t> doc, std::span<const uint8_t> impact, bool with_blocks) {
  std::vector<uint32_t>& starts = with_blocks ? out.long_start : out.medium_start;
  if (static_cast<uint64_t>(next_list_) + doc.size() > UINT32_MAX) throw std::length_error("over 4,294,967,295 postings in a segment");
  size_t i = 0;
  for (uint32_t window = 0; window < layout_.n_windows; ++window) {
    uint32_t window_start = next_list_ + static_cast<uint32_t>(i);
    starts.push_back(window_start);
    uint32_t last_block = std::min(layout_.n_blocks, (window + 1) * kBlocksPerWindow);
    for (uint32_t block = window * kBlocksPerWindow; block < last_block; ++block) {
      if (with_blocks) out.long_block_start.push_back(static_cast<uint16_t>(next_list_ + i - window_start));
      for (; i < doc.size() && doc[i] / kBlock == block; ++i) out.list_doc.push_back(static_cast<uint16_t>(doc[i] % kWindow));
    }
  }
  next_list_ += static_cast<uint32_t>(doc.size());
  starts.push_back(next_list_);
  out.list_impact.insert(out.list_impact.end(), impact.begin(), impact.end());
  if (with_blocks) append_block_max(out.long_block_max, doc, impact, layout_.n_blocks);
  append_top(with_blocks ? out.long_top : out.medium_top, impact);
}

Encoded Encoder::encode(std::span<const uint8_t> field, std::span<const uint64_t> ptr, std::span<const uint32_t> doc,
                        std::span<const uint16_t> tf) {
  Encoded out;
  std::vector<uint8_t> impacts;
  for (size_t t = 0; t + 1 < ptr.size(); ++t, ++next_term_) {
    uint32_t df = static_cast<uint32_t>(ptr[t + 1] - ptr[t]);
    std::span<const uint32_t> docs = doc.subspan(ptr[t], df);
    check_list(docs, field[t], tables_.size(), layout_.n_docs);
    const ImpactTable& table = tables_[field[t]];
    const uint8_t* codes = length_code_.data() + static_cast<size_t>(field[t]) * layout_.n_docs;
    impacts.resize(df);
    for (uint32_t i = 0; i < df; ++i) {
      uint32_t count = tf[ptr[t] + i];
      size_t row = static_cast<size_t>(codes[docs[i]]) * 256;
      impacts[i] = table.impact[row + std::min<uint32_t>(count, 255)];
      if (count > 255 || table.decoded[row + impacts[i]] != count) {
        out.exception_term.push_back(next_term_);
        out.exception_doc.push_back(docs[i]);
        out.exception_tf.push_back(static_cast<uint16_t>(count));
      }
    }
    TermClass kind = layout_.class_of(df);
    out.small_df.push_back(kind == TermClass::rare ? static_cast<uint8_t>(df) : 0);
    switch (kind) {
      case TermClass::rare:
        out.ref.push_back(next_rare_);
        out.rare_doc.insert(out.rare_doc.end(), docs.begin(), docs.end());
        out.rare_impact.insert(out.rare_impact.end(), impacts.begin(), impacts.end());
        next_rare_ += df;
        break;
      case TermClass::medium:
        out.medium_df.push_back(df);
        out.ref.push_back(next_medium_++);
        encode_list(out, docs, impacts, false);
        break;
      case TermClass::longer:
        out.long_df.push_back(df);
        out.ref.push_back(next_long_++);
        encode_list(out, docs, impacts, true);
        break;
      case TermClass::dense: {
        out.dense_df.push_back(df);
        out.ref.push_back(next_dense_++);
        size_t base = out.dense_impact.size();
        out.dense_impact.resize(base + layout_.dense_stride, 0);
        for (uint32_t i = 0; i < df; ++i) out.dense_impact[base + docs[i]] = impacts[i];
        append_block_max(out.dense_block_max, docs, impacts, layout_.n_blocks);
        append_top(out.dense_top, impacts);
      }
    }
  }
  return out;
}

uint64_t Encoder::count_exceptions(std::span<const uint8_t> field, std::span<const uint64_t> ptr,
                                   std::span<const uint32_t> doc, std::span<const uint16_t> tf) const {
  uint64_t found = 0;
  for (size_t t = 0; t + 1 < ptr.size(); ++t) {
    check_list(doc.subspan(ptr[t], ptr[t + 1] - ptr[t]), field[t], tables_.size(), layout_.n_docs);
    const ImpactTable& table = tables_[field[t]];
    const uint8_t* codes = length_code_.data() + static_cast<size_t>(field[t]) * layout_.n_docs;
    for (uint64_t i = ptr[t]; i < ptr[t + 1]; ++i) {
      size_t row = static_cast<size_t>(codes[doc[i]]) * 256;
      found += tf[i] > 255 || table.decoded[row + table.impact[row + tf[i]]] != tf[i];
    }
  }
  return found;
}

}  // namespace spaniel
