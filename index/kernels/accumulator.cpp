// See accumulator.hpp.
#include "accumulator.hpp"

#include <algorithm>
#include <numeric>

namespace spaniel {

Accumulator::Accumulator(const Analyzer* analyzer, size_t n_fields)
    : analyzer_(analyzer), n_fields_(n_fields), surfaces_(n_fields), surface_term_(n_fields) {}

void Accumulator::count(uint32_t term, uint32_t times) {
  if (term >= last_slot_.size()) last_slot_.resize(std::max<size_t>(term + 1, last_slot_.size() * 2), 0);
  uint64_t& slot = last_slot_[term];
  if (slot > doc_start_.back()) {  // met before in this document: doc_start_ is 0-based, slots are 1-based
    uint16_t& tf = forward_tf_[slot - 1];
    tf = static_cast<uint16_t>(std::min<uint32_t>(tf + times, 65535));
    return;
  }
  forward_term_.push_back(term);
  forward_tf_.push_back(static_cast<uint16_t>(std::min<uint32_t>(times, 65535)));
  slot = forward_term_.size();
}

uint32_t Accumulator::term_of_surface(size_t field, std::string_view surface, uint64_t hash) {
  uint32_t id = surfaces_[field].insert(surface, hash);
  std::vector<uint32_t>& known = surface_term_[field];
  if (id < known.size()) return known[id];
  uint32_t term = kDropped;
  if (analyzer_->normalise(surface, normal_)) {
    key_.assign(1, static_cast<char>(field));
    key_ += normal_;
    term = terms_.insert(key_);
  }
  known.push_back(term);
  return term;
}

void Accumulator::add_text(const std::vector<std::string_view>& texts) {
  doc_start_.push_back(forward_term_.size());
  for (size_t field = 0; field < n_fields_; ++field) {
    scratch_.clear();
    analyzer_->tokenize(texts[field], scratch_);
    // All hashes first: the table is larger than the caches, and its lines are on their way by the time they are needed.
    scratch_hash_.clear();
    for (size_t i = 0; i < scratch_.size(); ++i) {
      scratch_hash_.push_back(term_hash(scratch_[i]));
      surfaces_[field].prefetch(scratch_hash_.back());
    }
    uint32_t length = 0;
    for (size_t i = 0; i < scratch_.size(); ++i) {
      uint32_t term = term_of_surface(field, scratch_[i], scratch_hash_[i]);
      if (term == kDropped) continue;
      count(term, 1);
      ++length;
    }
    length_.push_back(length);
  }
}

void Accumulator::add_vector(const std::vector<std::pair<std::string_view, uint32_t>>& weights) {
  doc_start_.push_back(forward_term_.size());
  for (const auto& [term, weight] : weights) {
    key_.assign(1, '\0');
    key_ += term;
    count(terms_.insert(key_), weight);
  }
  length_.push_back(static_cast<uint32_t>(weights.size()));
}

size_t Accumulator::memory_bytes() const {
  size_t bytes = terms_.memory_bytes() + last_slot_.capacity() * 8;
  for (const StringTable& table : surfaces_) bytes += table.memory_bytes() + table.size() * 4;
  // Taking the run needs as much again for the lists.
  bytes += (forward_term_.size() + forward_tf_.size() / 2) * 4 * 2;
  return bytes + doc_start_.capacity() * 8 + length_.capacity() * 4;
}

Run Accumulator::take_run() {
  size_t n_terms = terms_.size(), n = n_docs();
  std::vector<uint32_t> order(n_terms), rank(n_terms);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [this](uint32_t a, uint32_t b) {
    uint64_t x = terms_.hash(a), y = terms_.hash(b);
    return x != y ? x < y : terms_.view(a) < terms_.view(b);
  });
  Run run;
  run.term_end.reserve(n_terms);
  for (uint32_t place = 0; place < n_terms; ++place) {
    rank[order[place]] = place;
    run.term_bytes.append(terms_.view(order[place]));
    run.term_end.push_back(static_cast<uint32_t>(run.term_bytes.size()));
  }
  run.ptr.assign(n_terms + 1, 0);
  for (uint32_t term : forward_term_) ++run.ptr[rank[term] + 1];
  std::partial_sum(run.ptr.begin(), run.ptr.end(), run.ptr.begin());
  run.doc.resize(forward_term_.size());
  run.tf.resize(forward_term_.size());
  std::vector<uint64_t> next(run.ptr.begin(), run.ptr.end() - 1);
  for (size_t d = 0; d < n; ++d) {
    uint64_t end = d + 1 < n ? doc_start_[d + 1] : forward_term_.size();
    for (uint64_t i = doc_start_[d]; i < end; ++i) {
      uint64_t at = next[rank[forward_term_[i]]]++;
      run.doc[at] = static_cast<uint32_t>(d);
      run.tf[at] = forward_tf_[i];
    }
  }
  run.length.resize(n * n_fields_);
  for (size_t d = 0; d < n; ++d) {
    for (size_t f = 0; f < n_fields_; ++f) run.length[f * n + d] = length_[d * n_fields_ + f];
  }
  *this = Accumulator(analyzer_, n_fields_);
  return run;
}

}  // namespace spaniel
