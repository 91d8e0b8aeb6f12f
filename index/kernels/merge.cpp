// See merge.hpp.
#include "merge.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <stdexcept>

#include "hash.hpp"

namespace spaniel {
RunInput::RunInput(const Arrays& run, std::span<const uint32_t> map, uint32_t base) : MergeInput(map, base), run_(run) {
  // What the arrays claim is checked once, so that the loops of the merger need not.
  size_t n = run.term_end.size();
  if (run.ptr.size() != n + 1 || run.doc.size() != run.tf.size() || run.ptr[0] != 0 || run.ptr[n] != run.doc.size()) {
    throw std::invalid_argument("a run's arrays do not fit together");
  }
  for (size_t i = 0; i < n; ++i) {
    if (run.ptr[i] > run.ptr[i + 1] || (i ? run.term_end[i - 1] : 0) >= run.term_end[i]) {
      throw std::invalid_argument("a run's terms are not in order");
    }
  }
  if (n && run.term_end[n - 1] > run.term_bytes.size()) throw std::invalid_argument("a run's terms lie outside its text");
  if (!map.empty()) {
    for (uint32_t d : run.doc) {
      if (d >= map.size()) throw std::invalid_argument("a run's document lies outside its map");
    }
  }
}

std::string_view RunInput::term(size_t i) const {
  uint32_t start = i ? run_.term_end[i - 1] : 0;
  return {run_.term_bytes.data() + start, run_.term_end[i] - start};
}

SegmentInput::SegmentInput(const Segment& segment, std::vector<const uint16_t*> decoded, std::span<const uint32_t> map)
    : MergeInput(map, 0), segment_(segment), decoded_(std::move(decoded)) {
  if (map.size() != segment.layout.n_docs) throw std::invalid_argument("a segment's map has another size than the segment");
}

Term SegmentInput::read(size_t i) {
  Term term = term_by_id(segment_, static_cast<uint32_t>(i));
  segment_.check_postings(term);
  read_postings(segment_, term, postings_);
  return term;
}

std::span<const uint32_t> SegmentInput::docs(size_t i) {
  read(i);
  return postings_.doc;
}

MergeInput::List SegmentInput::list(size_t i) {
  Term term = read(i);
  read_counts(segment_, term, postings_, decoded_, tf_);
  return {postings_.doc, tf_};
}

Merger::Merger(std::vector<std::unique_ptr<MergeInput>> inputs) : inputs_(std::move(inputs)), cursors_(inputs_.size()) { rewind(); }

void Merger::rewind() {
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    cursors_[i].at = 0;
    load(i);
  }
}

void Merger::load(uint32_t input) {
  Cursor& cursor = cursors_[input];
  if (cursor.at < inputs_[input]->n_terms()) cursor.hash = term_hash(inputs_[input]->term(cursor.at));
}

bool Merger::step(std::vector<std::pair<uint32_t, size_t>>& holders) {
  holders.clear();
  for (uint32_t i = 0; i < inputs_.size(); ++i) {
    const Cursor& cursor = cursors_[i];
    if (cursor.at == inputs_[i]->n_terms()) continue;
    if (!holders.empty()) {
      const auto& [best_input, best_at] = holders.front();
      uint64_t best_hash = cursors_[best_input].hash;
      std::string_view term = inputs_[i]->term(cursor.at), best = inputs_[best_input]->term(best_at);
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
      MergeInput& input = *inputs_[i];
      std::span<const uint32_t> docs = input.docs(at);
      if (input.map.empty()) {
        df += docs.size();
      } else {
        for (uint32_t doc : docs) df += input.map[doc] != kDead;
      }
    }
    if (df == 0) continue;
    std::string_view term = inputs_[holders[0].first]->term(holders[0].second);
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
    MergeInput& first = *inputs_[holders[0].first];
    if (holders.size() == 1 && first.map.empty()) {  // nothing to merge or to map
      size_t before = out.doc.size();
      MergeInput::List only = first.list(holders[0].second);
      if (only.doc.empty()) continue;
      out.doc.insert(out.doc.end(), only.doc.begin(), only.doc.end());
      out.tf.insert(out.tf.end(), only.tf.begin(), only.tf.end());
      for (size_t i = before; first.base && i < out.doc.size(); ++i) out.doc[i] += first.base;
      out.field.push_back(static_cast<uint8_t>(first.term(holders[0].second)[0]));
      out.ptr.push_back(out.doc.size());
      continue;
    }
    list.clear();
    bool ascending = true;
    for (const auto& [i, at] : holders) {
      MergeInput& input = *inputs_[i];
      MergeInput::List held = input.list(at);
      for (size_t p = 0; p < held.doc.size(); ++p) {
        uint32_t doc = input.map.empty() ? input.base + held.doc[p] : input.map[held.doc[p]];
        if (doc == kDead) continue;
        ascending = ascending && (list.empty() || list.back().first < doc);
        list.emplace_back(doc, held.tf[p]);
      }
    }
    if (list.empty()) continue;
    if (!ascending) std::sort(list.begin(), list.end());
    out.field.push_back(static_cast<uint8_t>(first.term(holders[0].second)[0]));
    for (const auto& [doc, tf] : list) {
      out.doc.push_back(doc);
      out.tf.push_back(tf);
    }
    out.ptr.push_back(out.doc.size());
  }
  return out;
}

}  // namespace spaniel
