// See merge.hpp.
#include "merge.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <stdexcept>

#include "hash.hpp"

namespace spaniel {
namespace {

// Runs may come from files: what they claim is checked once, so that the loops below need not.
void check(const MergeInput& input) {
  size_t n = input.term_end.size();
  if (input.ptr.size() != n + 1 || input.doc.size() != input.tf.size() || input.ptr[0] != 0 || input.ptr[n] != input.doc.size()) {
    throw std::invalid_argument("a run's arrays do not fit together");
  }
  for (size_t i = 0; i < n; ++i) {
    if (input.ptr[i] > input.ptr[i + 1] || (i ? input.term_end[i - 1] : 0) >= input.term_end[i]) {
      throw std::invalid_argument("a run's terms are not in order");
    }
  }
  if (n && input.term_end[n - 1] > input.term_bytes.size()) throw std::invalid_argument("a run's terms lie outside its text");
  if (!input.map.empty()) {
    for (uint32_t d : input.doc) {
      if (d >= input.map.size()) throw std::invalid_argument("a run's document lies outside its map");
    }
  }
}

}  // namespace

Merger::Merger(std::vector<MergeInput> inputs) : inputs_(std::move(inputs)), cursors_(inputs_.size()) {
  for (const MergeInput& input : inputs_) check(input);
  rewind();
}

void Merger::rewind() {
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    cursors_[i].at = 0;
    load(i);
  }
}

void Merger::load(uint32_t input) {
  Cursor& cursor = cursors_[input];
  if (cursor.at < inputs_[input].term_end.size()) cursor.hash = term_hash(inputs_[input].term(cursor.at));
}

bool Merger::step(std::vector<std::pair<uint32_t, size_t>>& holders) {
  holders.clear();
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    const Cursor& cursor = cursors_[i];
    if (cursor.at == inputs_[i].term_end.size()) continue;
    if (!holders.empty()) {
      const auto& [best_input, best_at] = holders.front();
      uint64_t best_hash = cursors_[best_input].hash;
      std::string_view term = inputs_[i].term(cursor.at), best = inputs_[best_input].term(best_at);
      if (cursor.hash > best_hash || (cursor.hash == best_hash && term > best)) continue;
      if (cursor.hash < best_hash || term < best) holders.clear();
    }
    holders.emplace_back(i, cursor.at);
  }
  for (const auto& [i, at] : holders) {
    ++cursors_[i].at;
    load(i);
  }
  return !holders.empty();
}

Vocabulary Merger::vocabulary() {
  rewind();
  Vocabulary out;
  std::vector<uint64_t> hashes;
  std::vector<std::pair<uint32_t, size_t>> holders;
  while (step(holders)) {
    uint64_t df = 0;
    for (const auto& [i, at] : holders) {
      const MergeInput& input = inputs_[i];
      if (input.map.empty()) {
        df += input.ptr[at + 1] - input.ptr[at];
      } else {
        for (uint64_t p = input.ptr[at]; p < input.ptr[at + 1]; ++p) df += input.map[input.doc[p]] != kDead;
      }
    }
    if (df == 0) continue;
    std::string_view term = inputs_[holders[0].first].term(holders[0].second);
    out.term_bytes.append(term);
    if (out.term_bytes.size() > UINT32_MAX) throw std::length_error("over 4 GiB of terms in a segment");
    out.term_end.push_back(static_cast<uint32_t>(out.term_bytes.size()));
    out.df.push_back(static_cast<uint32_t>(df));
    hashes.push_back(term_hash(term));
  }
  // About four terms a bucket.
  uint32_t bits = static_cast<uint32_t>(std::bit_width(std::max<size_t>(hashes.size() / 4, 1)));
  out.bucket.assign((size_t{1} << bits) + 1, 0);
  for (uint64_t hash : hashes) ++out.bucket[(hash >> (64 - bits)) + 1];
  std::partial_sum(out.bucket.begin(), out.bucket.end(), out.bucket.begin());
  rewind();
  return out;
}

MergedPostings Merger::next(uint64_t max_postings) {
  MergedPostings out;
  out.ptr.push_back(0);
  std::vector<std::pair<uint32_t, size_t>> holders;
  std::vector<std::pair<uint32_t, uint16_t>> list;
  while (out.doc.size() < max_postings && step(holders)) {
    const MergeInput& first = inputs_[holders[0].first];
    if (holders.size() == 1 && first.map.empty()) {  // nothing to merge or to map
      size_t at = holders[0].second, before = out.doc.size();
      auto offset = [](uint64_t p) { return static_cast<ptrdiff_t>(p); };
      out.doc.insert(out.doc.end(), first.doc.begin() + offset(first.ptr[at]), first.doc.begin() + offset(first.ptr[at + 1]));
      out.tf.insert(out.tf.end(), first.tf.begin() + offset(first.ptr[at]), first.tf.begin() + offset(first.ptr[at + 1]));
      if (out.doc.size() == before) continue;
      for (size_t i = before; first.base && i < out.doc.size(); ++i) out.doc[i] += first.base;
      out.field.push_back(static_cast<uint8_t>(first.term(at)[0]));
      out.ptr.push_back(out.doc.size());
      continue;
    }
    list.clear();
    bool ascending = true;
    for (const auto& [i, at] : holders) {
      const MergeInput& input = inputs_[i];
      for (uint64_t p = input.ptr[at]; p < input.ptr[at + 1]; ++p) {
        uint32_t doc = input.map.empty() ? input.base + input.doc[p] : input.map[input.doc[p]];
        if (doc == kDead) continue;
        ascending = ascending && (list.empty() || list.back().first < doc);
        list.emplace_back(doc, input.tf[p]);
      }
    }
    if (list.empty()) continue;
    if (!ascending) std::sort(list.begin(), list.end());
    out.field.push_back(static_cast<uint8_t>(inputs_[holders[0].first].term(holders[0].second)[0]));
    for (const auto& [doc, tf] : list) {
      out.doc.push_back(doc);
      out.tf.push_back(tf);
    }
    out.ptr.push_back(out.doc.size());
  }
  return out;
}

}  // namespace spaniel
