// See binary.hpp.
#include "binary.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>

#include "binary_simd.hpp"
#include "share_out.hpp"
#include "simd.hpp"
#include "topk.hpp"

namespace spaniel {
namespace {

constexpr size_t kChunkBlocks = 32;  // codes of a chunk stay in cache while the queries of a group pass over them
constexpr size_t kGroup = 8;
constexpr uint32_t kNoRow = 0xffffffff;
constexpr uint32_t kEverything = 65535;  // a margin that excludes nothing

// One query made ready: tables of integers for the pass over all rows, tables of doubles for the rows it leaves.
class Prepared {
 public:
  Prepared(const BinaryCodes& codes, const float* query, uint32_t k) : codes_(codes), kernels_(binary_kernels()) {
    turn(query);
    fill_exact();
    fill_integers();
    candidates_ = std::make_unique<Candidates>(k, margin_, 0u, kept_);
  }

  // Adds the rows of n <= kChunkBlocks blocks; allowed(b) gives the bits of block b's rows that may come back.
  template <typename Allowed>
  void scan(size_t first, size_t n, const Allowed& allowed, uint16_t* acc, uint32_t* hits) {
    kernels_.sums(codes_.codes.data() + first * block_bytes(), n, codes_.n_bytes, integers_.data(), acc);
    if (!codes_.factor.empty()) kernels_.weigh(acc, codes_.factor.data() + first * kBlockRows, n * kBlockRows, a_, b_, c_);
    for (size_t b = 0; b < n; ++b) {
      uint64_t bits = allowed(first + b);
      if (bits != ~uint64_t{0}) kernels_.mask(acc + b * kBlockRows, bits);
    }
    if (!candidates_->settled()) candidates_->raise_to_kth(acc, n * kBlockRows);
    size_t found = kernels().sweep(acc, n * kBlockRows, static_cast<uint16_t>(candidates_->threshold()), hits);
    if (found) candidates_->add(hits, found, static_cast<uint32_t>(first * kBlockRows));
  }

  std::vector<BinaryHit> best(uint32_t k) {
    std::vector<uint64_t>& kept = candidates_->finish();
    std::vector<BinaryHit> hits(kept.size());
    for (size_t i = 0; i < kept.size(); ++i) {
      if (i + kAheadRows < kept.size()) prefetch(static_cast<uint32_t>(kept[i + kAheadRows]));
      hits[i] = exact(static_cast<uint32_t>(kept[i]));
    }
    auto before = [](const BinaryHit& a, const BinaryHit& b) { return a.score != b.score ? a.score > b.score : a.row < b.row; };
    if (hits.size() > k) {
      std::nth_element(hits.begin(), hits.begin() + k, hits.end(), before);
      hits.resize(k);
    }
    std::sort(hits.begin(), hits.end(), before);
    return hits;
  }

 private:
  static constexpr size_t kAheadRows = 4;

  size_t block_bytes() const { return codes_.n_bytes * kBlockRows; }
  const uint8_t* code_of(uint32_t place) const { return codes_.codes.data() + place / kBlockRows * block_bytes() + place % kBlockRows; }

  // The query among the bits, and its dot product with the centre.
  void turn(const float* query) {
    turned_.assign(codes_.n_bytes * 8, 0.0f);
    for (uint32_t j = 0; j < codes_.dimension; ++j) {
      base_ += static_cast<double>(query[j]) * static_cast<double>(codes_.centre[j]);
      if (codes_.weights.empty()) {
        turned_[j] = query[j];
      } else {
        kernels_.add_scaled(turned_.data(), codes_.weights.data() + static_cast<size_t>(j) * turned_.size(), turned_.size(), query[j]);
      }
    }
    for (float value : turned_) {
      if (!std::isfinite(value)) throw std::overflow_error("the query is too large");
      reach_ += std::fabs(static_cast<double>(value));
    }
  }

  // exact_[256 g + v]: what byte g of a code adds when it is v; the bits in order, 0.0 first.
  void fill_exact() {
    exact_.resize(256 * static_cast<size_t>(codes_.n_bytes));
    for (uint32_t g = 0; g < codes_.n_bytes; ++g) {
      double* table = exact_.data() + 256 * g;
      table[0] = 0.0;
      for (uint32_t bit = 0; bit < 8; ++bit) {
        double value = turned_[8 * g + bit];
        for (uint32_t v = 0, n = 1u << bit; v < n; ++v) {
          table[v + n] = table[v] + value;
          table[v] = table[v] - value;
        }
      }
    }
  }

  // The same in halves of bytes, shifted to 0 and rounded to whole steps. `low` and `high` add up by how much a sum of
  // doubles can differ from base + step * the sum of integers: the proven error.
  void fill_integers() {
    integers_.assign(32 * static_cast<size_t>(codes_.n_bytes), 0);
    double widest = 0, total = 0;
    for (uint32_t g = 0; g < codes_.n_bytes; ++g) {
      double range = 0;
      for (uint32_t bit = 0; bit < 8; ++bit) range += 2 * std::fabs(static_cast<double>(turned_[8 * g + bit]));
      widest = std::max(widest, range);
      total += range;
    }
    // The steps of a byte are at most 254, 255 with rounding; all of them at most 65,000.
    double step = std::max(widest / 254, total / (65000.0 - codes_.n_bytes));
    double offset = 0, low = 0, high = 0;
    for (uint32_t h = 0; step > 0 && h < 2 * codes_.n_bytes; ++h) {
      double values[16], least = 0;
      for (uint32_t v = 0; v < 16; ++v) {
        values[v] = 0;
        for (uint32_t bit = 0; bit < 4; ++bit) values[v] += v >> bit & 1 ? static_cast<double>(turned_[4 * h + bit]) : -static_cast<double>(turned_[4 * h + bit]);
        least = std::min(least, values[v]);
      }
      double most_under = 0, most_over = 0;
      for (uint32_t v = 0; v < 16; ++v) {
        double steps = std::floor((values[v] - least) / step + 0.5);
        integers_[16 * h + v] = static_cast<uint8_t>(steps);
        double error = values[v] - (least + steps * step);
        most_under = std::min(most_under, error);
        most_over = std::max(most_over, error);
      }
      offset += least;
      low += most_under;
      high += most_over;
    }
    set_margin(step, offset, low, high);
  }

  // How far below the k-th best integer a row of the true top k can be. Every float64 rounding of the sums and the last one to
  // float32, after which rows may tie, is inside `slack`: 2**-22 of the largest score there can be, and the smallest float32.
  void set_margin(double step, double offset, double low, double high) {
    double scale = codes_.scale, reach = static_cast<double>(codes_.largest_factor) * reach_;
    double largest = std::fabs(base_) + scale * reach, slack = (largest * 0x1p-22 + 0x1p-148) / scale;
    double error = high - low, inverse = 1 / step;
    if (!codes_.factor.empty()) {
      // Scores are brought to 0 ... 65,000 again: a factor times what the integers stand for, within [-reach, reach].
      double half = error / 2, most = reach * (1 + 1e-6) + static_cast<double>(codes_.largest_factor) * half;
      inverse = 32500 / most;
      a_ = static_cast<float>(step * inverse);
      b_ = static_cast<float>((offset - step + low + half) * inverse);
      c_ = 32501.0f;
      error *= static_cast<double>(codes_.largest_factor);
      slack += 2 / inverse;  // cut to an integer, and float32 on the way there
    }
    double margin = std::ceil((error + slack) * inverse) + 1;
    bool fits = margin < kEverything && largest < 3e38 && step > 0;
    margin_ = fits ? static_cast<uint32_t>(margin) : kEverything;
    if (!fits) a_ = b_ = 0;
  }

  BinaryHit exact(uint32_t place) const {
    const uint8_t* code = code_of(place);
    double sum = 0.0;
    for (uint32_t g = 0; g < codes_.n_bytes; ++g) sum += exact_[256 * g + code[kBlockRows * g]];
    if (!codes_.factor.empty()) sum = static_cast<double>(half_to_float(codes_.factor[place])) * sum;
    uint32_t row = codes_.row.empty() ? place : codes_.row[place];
    if (row >= codes_.n_rows) throw std::out_of_range("a row that does not exist");
    return {row, static_cast<float>(base_ + static_cast<double>(codes_.scale) * sum)};
  }

  void prefetch(uint32_t place) const {
    const uint8_t* code = code_of(place);
    for (uint32_t g = 0; g < codes_.n_bytes; ++g) __builtin_prefetch(code + kBlockRows * g);
  }

  const BinaryCodes& codes_;
  const BinaryKernels& kernels_;
  double base_ = 0, reach_ = 0;
  float a_ = 0, b_ = 0, c_ = 1;
  uint32_t margin_ = kEverything;
  std::vector<float> turned_;
  std::vector<double> exact_;
  std::vector<uint8_t> integers_;
  std::vector<uint64_t> kept_;
  std::unique_ptr<Candidates> candidates_;
};

// The bits of a block's rows that may come back.
struct Bits {
  const BinaryCodes& codes;
  std::span<const uint64_t> allowed;

  uint64_t operator()(size_t block) const {
    if (!codes.row.empty()) return of_listed(block);
    size_t first = block * kBlockRows, left = codes.n_rows - first;
    uint64_t real = left < kBlockRows ? (uint64_t{1} << left) - 1 : ~uint64_t{0};
    return allowed.empty() ? real : real & allowed[block];
  }

  uint64_t of_listed(size_t block) const {
    const uint32_t* row = codes.row.data() + block * kBlockRows;
    if (allowed.empty() && row[kBlockRows - 1] != kNoRow) return ~uint64_t{0};
    uint64_t bits = 0;
    for (size_t i = 0; i < kBlockRows; ++i) {
      if (row[i] >= codes.n_rows) continue;
      bits |= (allowed.empty() ? 1 : allowed[row[i] / 64] >> row[i] % 64 & 1) << i;
    }
    return bits;
  }
};

// Numbers of the lists nearest to the query, best first; ties by number.
std::vector<uint32_t> nearest_lists(const BinaryCodes& codes, const float* query, uint32_t n_probe) {
  size_t n = codes.n_lists();
  std::vector<float> scores(n, 0.0f);
  for (uint32_t j = 0; j < codes.dimension; ++j) binary_kernels().add_scaled(scores.data(), codes.list_centre.data() + j * n, n, query[j]);
  std::vector<uint32_t> lists(n);
  for (size_t l = 0; l < n; ++l) lists[l] = static_cast<uint32_t>(l);
  auto before = [&](uint32_t a, uint32_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a < b; };
  for (float score : scores) {
    if (!std::isfinite(score)) throw std::overflow_error("the query is too large");
  }
  size_t kept = std::min<size_t>(n_probe, n);
  std::partial_sort(lists.begin(), lists.begin() + static_cast<std::ptrdiff_t>(kept), lists.end(), before);
  lists.resize(kept);
  return lists;
}

// All blocks for a group of queries, some at a time, or the nearest lists of each.
void search_group(const BinaryCodes& codes, const float* queries, size_t n, const BinaryOptions& options, std::vector<BinaryHit>* results) {
  std::vector<uint16_t> acc(kChunkBlocks * kBlockRows);
  std::vector<uint32_t> hits(acc.size() + 16);
  std::vector<Prepared> prepared;
  prepared.reserve(n);
  for (size_t q = 0; q < n; ++q) prepared.emplace_back(codes, queries + q * codes.dimension, options.k);
  Bits bits{codes, options.allowed};
  auto any = [&](size_t first, size_t count) {
    if (options.allowed.empty()) return true;
    for (size_t b = first; b < first + count; ++b) {
      if (bits(b)) return true;
    }
    return false;
  };
  if (options.n_probe && options.n_probe < codes.n_lists()) {
    for (size_t q = 0; q < n; ++q) {
      for (uint32_t list : nearest_lists(codes, queries + q * codes.dimension, options.n_probe)) {
        for (size_t first = codes.list_start[list], end = codes.list_start[list + 1]; first < end; first += kChunkBlocks) {
          size_t count = std::min(kChunkBlocks, end - first);
          if (any(first, count)) prepared[q].scan(first, count, bits, acc.data(), hits.data());
        }
      }
    }
  } else {
    for (size_t first = 0; first < codes.n_blocks(); first += kChunkBlocks) {
      size_t count = std::min(kChunkBlocks, codes.n_blocks() - first);
      if (!any(first, count)) continue;
      for (size_t q = 0; q < n; ++q) prepared[q].scan(first, count, bits, acc.data(), hits.data());
    }
  }
  for (size_t q = 0; q < n; ++q) results[q] = prepared[q].best(options.k);
}

}  // namespace

void BinaryCodes::check() const {
  auto need = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(what);
  };
  size_t blocks = n_blocks(), places = 64 * blocks;
  need(dimension > 0 && n_bytes == (dimension + 7) / 8, "bytes of a code");
  need(codes.size() == blocks * 64 * n_bytes && places < kNoRow, "codes");
  need(centre.size() == dimension, "centre");
  need(weights.empty() || weights.size() == static_cast<size_t>(dimension) * 8 * n_bytes, "weights");
  need(factor.empty() || factor.size() == places, "factor");
  need(scale > 0 && std::isfinite(scale) && largest_factor >= 0 && std::isfinite(largest_factor), "scale");
  if (list_start.empty()) {
    need(row.empty() && list_centre.empty() && blocks == (static_cast<size_t>(n_rows) + 63) / 64, "blocks");
    return;
  }
  need(row.size() == places && list_centre.size() == n_lists() * dimension, "lists");
  need(list_start.front() == 0 && list_start.back() == blocks, "list_start");
  for (size_t l = 0; l + 1 < list_start.size(); ++l) need(list_start[l] <= list_start[l + 1], "list_start");
}

std::vector<std::vector<BinaryHit>> binary_search(const BinaryCodes& codes, std::span<const float> queries, const BinaryOptions& options) {
  const size_t n = queries.size() / codes.dimension;
  std::vector<std::vector<BinaryHit>> results(n);
  if (n == 0 || codes.n_rows == 0) return results;
  const size_t workers = std::clamp<size_t>(options.threads, 1, n), group = std::clamp<size_t>((n + workers - 1) / workers, 1, kGroup);
  share_out(n, group, workers, options.pause, [&](auto claim) {
    for (size_t first, m; claim(first, m);) search_group(codes, queries.data() + first * codes.dimension, m, options, &results[first]);
  });
  return results;
}

}  // namespace spaniel
