// See engine.hpp.
#include "engine.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "share_out.hpp"

namespace spaniel {
namespace {

constexpr size_t kFewTokens = 32;  // compared with one another faster than kept in a table

uint64_t live_df(const EngineSegment& part, const Term& term) {
  auto found = std::lower_bound(part.dead_term.begin(), part.dead_term.end(), term.id);
  bool has_dead = found != part.dead_term.end() && *found == term.id;
  uint32_t dead = has_dead ? part.dead_df[static_cast<size_t>(found - part.dead_term.begin())] : 0;
  return term.df > dead ? term.df - dead : 0;
}

std::vector<Scored> search_part(const EngineSegment& part, const Request& request, const Options& options, Workspace& workspace,
                                Trace* trace) {
  if (options.exhaustive) return search_exhaustive(*part.segment, request, workspace);
  if (request.schedule != Schedule::bmp) return search(*part.segment, request, workspace, trace);
  if (!part.block_indexes) throw std::invalid_argument("schedule bmp needs a place for its index");
  std::shared_ptr<const BlockIndex> index = part.block_indexes->get(*part.segment, options.block_docs, options.superblock);
  return search_bmp(*part.segment, *index, request, workspace, trace);
}

bool better(const Scored& a, const Scored& b) { return a.score != b.score ? a.score > b.score : a.ordinal < b.ordinal; }

}  // namespace

double idf_weight(Idf idf, uint64_t df, uint64_t n_docs) {
  double d = static_cast<double>(df), n = static_cast<double>(std::max(n_docs, df));
  switch (idf) {
    case Idf::one: return 1.0;
    case Idf::lucene: return std::log(1.0 + (n - d + 0.5) / (d + 0.5));
    case Idf::robertson: return std::max(0.0, std::log((n - d + 0.5) / (d + 0.5)));
    case Idf::atire: return std::log(n / d);
    case Idf::bm25l: return std::log((n + 1.0) / (d + 0.5));
    case Idf::bm25plus: return std::log((n + 1.0) / d);
  }
  return 0.0;
}

std::vector<WeightedTerm> Engine::terms_of(const Tokens& tokens) const {
  std::vector<WeightedTerm> out;
  size_t n_fields = field_weights_.size();
  std::unordered_map<std::string_view, size_t> place;  // of a token's first field in `out`, of long queries
  auto earlier = [&](size_t i) {
    if (tokens.size() > kFewTokens) return place.try_emplace(tokens[i], out.size()).first->second;
    size_t at = 0;
    while (at < out.size() && std::string_view(out[at].key).substr(1) != tokens[i]) at += n_fields;
    return at;
  };
  out.reserve(std::min(tokens.size(), kFewTokens) * n_fields);
  for (size_t i = 0; i < tokens.size(); ++i) {
    size_t at = earlier(i);
    bool is_new = at == out.size();
    for (uint32_t f = 0; f < n_fields; ++f) {
      if (is_new) {
        std::string key(1, static_cast<char>(f));
        key += tokens[i];
        out.push_back({std::move(key), f, 1.0});
      } else {
        out[at + f].boost += 1.0;
      }
    }
  }
  return out;
}

uint64_t Engine::df(std::string_view key) const {
  uint64_t sum = 0;
  for (const EngineSegment& part : segments_) {
    if (auto term = part.segment->find(key)) sum += live_df(part, *term);
  }
  return sum;
}

std::vector<Scored> Engine::search(const std::vector<WeightedTerm>& terms, const Options& options, Workspace& workspace,
                                   Trace* trace) const {
  size_t n_segments = segments_.size();
  std::vector<std::vector<QueryTerm>> planned(n_segments);
  std::vector<Term> found(n_segments);
  std::vector<uint8_t> held(n_segments);
  std::vector<uint64_t> hashes(terms.size());
  for (size_t t = 0; t < terms.size(); ++t) hashes[t] = term_hash(terms[t].key);
  for (const EngineSegment& part : segments_) {
    for (int stage : {0, 1, 2}) {
      for (uint64_t hash : hashes) part.segment->prefetch(hash, stage);
    }
  }
  for (size_t t = 0; t < terms.size(); ++t) {
    const WeightedTerm& word = terms[t];
    uint64_t df = 0;
    for (size_t s = 0; s < n_segments; ++s) {
      auto term = segments_[s].segment->find(word.key, hashes[t]);
      held[s] = term.has_value();
      if (!term) continue;
      segments_[s].segment->prefetch(*term);
      found[s] = *term;
      df += live_df(segments_[s], *term);
    }
    if (df == 0) continue;
    double weight = field_weights_[word.field] * word.boost * idf_weight(idf_, df, field_docs_[word.field]);
    if (!(weight > 0) || !std::isfinite(weight)) continue;
    for (size_t s = 0; s < n_segments; ++s) {
      if (held[s]) planned[s].push_back({found[s], word.field, weight});
    }
  }
  std::vector<Scored> merged;
  for (size_t s = 0; s < n_segments; ++s) {
    const EngineSegment& part = segments_[s];
    Request request;
    request.terms = planned[s];
    request.tables = part.tables;
    request.k = options.k;
    request.schedule = options.schedule;
    request.alpha = options.alpha;
    request.beta = options.beta;
    request.gamma = options.gamma;
    request.mu = options.mu;
    request.eta = options.eta;
    if (!options.allowed.empty()) {
      request.allowed = options.allowed[s].data();
      request.n_excluded = options.n_excluded[s];
      if (request.n_excluded >= part.segment->layout.n_docs) continue;
    } else if (!part.live.empty()) {
      request.allowed = part.live.data();
      request.n_excluded = part.n_dead;
    }
    std::vector<Scored> best = search_part(part, request, options, workspace, trace);
    if (n_segments == 1) return best;
    merged.insert(merged.end(), best.begin(), best.end());
  }
  if (merged.size() > options.k) {
    std::nth_element(merged.begin(), merged.begin() + options.k, merged.end(), better);
    merged.resize(options.k);
  }
  std::sort(merged.begin(), merged.end(), better);
  return merged;
}

std::vector<std::vector<Scored>> Engine::search_all(const std::vector<std::vector<WeightedTerm>>& queries, const Options& options,
                                                    unsigned threads, const std::function<void()>& pause) const {
  std::vector<std::vector<Scored>> results(queries.size());
  share_out(queries.size(), 1, threads, pause, [&](auto claim) {
    std::unique_ptr<Workspace> workspace = borrow();
    for (size_t i, n; claim(i, n);) results[i] = search(queries[i], options, *workspace);
    give_back(std::move(workspace));
  });
  return results;
}

std::unique_ptr<Workspace> Engine::borrow() const {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Workspace>();
  std::unique_ptr<Workspace> workspace = std::move(idle_.back());
  idle_.pop_back();
  return workspace;
}

void Engine::give_back(std::unique_ptr<Workspace> workspace) const {
  std::lock_guard lock(mutex_);
  if (idle_.size() < 64) idle_.push_back(std::move(workspace));
}

}  // namespace spaniel
