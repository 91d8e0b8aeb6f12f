// Recursive graph bisection: an order of documents in which those that share terms stand together.
//
// Dhulipala et al., "Compressing Graphs and Indexes with Recursive Graph Bisection", KDD 2016, with two practical turns
// after Mackenzie et al. (ECIR 2019; "Faster Index Reordering with Bipartite Graph Partitioning", SIGIR 2021): the pairs
// to swap are found by selecting the median of one signed preference, not by sorting both halves; and every level works
// on its own compact forward index, from which terms that no longer tell two documents apart are gone.
//
// Gains are integers (fixed point), ties fall by side and place, and every range depends only on its own content: the
// order is the same on every machine and for any number of threads. index/sparse/reorder.py holds the Python twin.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace nb = nanobind;

namespace {

template <typename T>
using Array = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

constexpr int kGainBits = 14;
constexpr uint32_t kNoTerm = UINT32_MAX;

// One range of the recursion: its documents in their present order and their terms, renumbered 0..n_terms-1.
struct Range {
  std::vector<uint32_t> docs;
  std::vector<uint64_t> ptr;
  std::vector<uint32_t> terms;
  uint32_t n_terms = 0;
  size_t place = 0;  // where the range's first document goes in the order

  size_t size() const { return docs.size(); }
};

struct Options {
  uint32_t leaf, iterations;
};

// step[d] = f(d+1) - f(d) with f(d) = d log2(d+1), fixed point: what a term that d documents of one half have gains when
// the half gets one more. The cost of a half is sum over terms of d log2(n / (d+1)); n is the same for both halves.
std::vector<int32_t> gain_steps(size_t n) {
  std::vector<int32_t> step(n + 2);
  double before = 0;
  for (size_t d = 0; d < step.size(); ++d) {
    const double after = static_cast<double>(d + 1) * std::log2(static_cast<double>(d + 2));
    step[d] = static_cast<int32_t>(std::floor((after - before) * (1 << kGainBits) + 0.5));
    before = after;
  }
  return step;
}

// A document's wish to stand on the right; the smallest n/2 of a range go left. Ties: who is left stays left.
struct Wish {
  int64_t gain;
  uint32_t place;  // in the range, plus the high bit for documents that are on the right
  bool operator<(const Wish& other) const { return gain != other.gain ? gain < other.gain : place < other.place; }
};

constexpr uint32_t kRight = 0x80000000u;

// Memory of one thread, grown to the largest range it meets.
struct Workspace {
  std::vector<uint32_t> left, right;           // how many documents of each half have the term
  std::vector<int32_t> to_right, to_left;      // what moving one document gains for the term
  std::vector<uint8_t> side;                   // of each document in the range
  std::vector<Wish> wishes;
  std::vector<uint32_t> renumber;
};

class Bisection {
 public:
  Bisection(size_t n, Options options, int32_t* order) : options_(options), order_(order), step_(gain_steps(n)) {}

  // Split one range and give its halves, or write it out as a leaf (then both are null).
  void split(const Range& range, Workspace& work, std::unique_ptr<Range>& a, std::unique_ptr<Range>& b) const {
    if (range.size() <= options_.leaf) {
      for (size_t i = 0; i < range.size(); ++i) order_[range.place + i] = static_cast<int32_t>(range.docs[i]);
      return;
    }
    const size_t half = range.size() / 2;
    start(range, half, work);
    for (uint32_t round = 0; round < options_.iterations; ++round) {
      const size_t moved = improve(range, half, work);
      // Fewer than one document in 256 changed side: the next rounds cost as much and give nearly nothing.
      if (moved * 256 < range.size()) break;
    }
    a = child(range, 0, half, range.place, work);
    b = child(range, 1, range.size() - half, range.place + half, work);
  }

 private:
  void start(const Range& range, size_t half, Workspace& work) const {
    work.left.assign(range.n_terms, 0);
    work.right.assign(range.n_terms, 0);
    work.to_right.resize(range.n_terms);
    work.to_left.resize(range.n_terms);
    work.side.assign(range.size(), 0);
    std::fill(work.side.begin() + static_cast<ptrdiff_t>(half), work.side.end(), uint8_t{1});
    for (uint64_t i = 0; i < range.ptr[half]; ++i) ++work.left[range.terms[i]];
    for (uint64_t i = range.ptr[half]; i < range.ptr.back(); ++i) ++work.right[range.terms[i]];
  }

  // One round: wishes of all documents under the present sides, then the best half each way. Returns how many moved.
  size_t improve(const Range& range, size_t half, Workspace& work) const {
    for (uint32_t t = 0; t < range.n_terms; ++t) {
      const uint32_t l = work.left[t], r = work.right[t];
      work.to_right[t] = step_[r] - (l ? step_[l - 1] : 0);
      work.to_left[t] = step_[l] - (r ? step_[r - 1] : 0);
    }
    const size_t n = range.size();
    work.wishes.resize(n);
    for (size_t d = 0; d < n; ++d) {
      const bool is_right = work.side[d] != 0;
      const int64_t gain = sum(is_right ? work.to_left.data() : work.to_right.data(), range.terms.data() + range.ptr[d],
                               range.ptr[d + 1] - range.ptr[d]);
      work.wishes[d] = {is_right ? -gain : gain, static_cast<uint32_t>(d) | (is_right ? kRight : 0)};
    }
    std::nth_element(work.wishes.begin(), work.wishes.begin() + static_cast<ptrdiff_t>(half), work.wishes.end());
    size_t moved = 0;
    for (size_t i = 0; i < n; ++i) {
      const uint8_t side = i >= half;
      const uint32_t d = work.wishes[i].place & ~kRight;
      if (work.side[d] == side) continue;
      work.side[d] = side;
      ++moved;
      auto &from = side ? work.left : work.right, &to = side ? work.right : work.left;
      for (uint64_t j = range.ptr[d]; j < range.ptr[d + 1]; ++j) --from[range.terms[j]], ++to[range.terms[j]];
    }
    return moved;
  }

  static int64_t sum(const int32_t* gain, const uint32_t* terms, uint64_t n) {
    int64_t a = 0, b = 0;  // two chains of additions keep both ports busy
    uint64_t i = 0;
    for (; i + 2 <= n; i += 2) a += gain[terms[i]], b += gain[terms[i + 1]];
    if (i < n) a += gain[terms[i]];
    return a + b;
  }

  // One half as a range of its own, without the terms that fewer than two of its documents have.
  std::unique_ptr<Range> child(const Range& range, uint8_t side, size_t n, size_t place, Workspace& work) const {
    auto out = std::make_unique<Range>();
    out->place = place;
    out->docs.reserve(n);
    out->ptr.reserve(n + 1);
    out->ptr.push_back(0);
    const auto& degree = side ? work.right : work.left;
    work.renumber.resize(range.n_terms);
    uint64_t total = 0;
    for (uint32_t t = 0; t < range.n_terms; ++t) {
      const bool kept = degree[t] >= 2;
      work.renumber[t] = kept ? out->n_terms++ : kNoTerm;
      total += kept ? degree[t] : 0;
    }
    const bool is_leaf = n <= options_.leaf;
    out->terms.reserve(is_leaf ? 0 : total);
    for (size_t d = 0; d < range.size(); ++d) {
      if (work.side[d] != side) continue;
      out->docs.push_back(range.docs[d]);
      for (uint64_t i = range.ptr[d]; !is_leaf && i < range.ptr[d + 1]; ++i) {
        const uint32_t t = work.renumber[range.terms[i]];
        if (t != kNoTerm) out->terms.push_back(t);
      }
      out->ptr.push_back(out->terms.size());
    }
    return out;
  }

  const Options options_;
  int32_t* const order_;
  const std::vector<int32_t> step_;
};

// Ranges that wait, last in first out: depth first bounds the memory to about two copies of the forward index.
class Pool {
 public:
  Pool(const Bisection& bisection, std::unique_ptr<Range> root) : bisection_(bisection) {
    waiting_.push_back(std::move(root));
  }

  // report(documents) is called on the first thread only, after each of its ranges and at the end; it may throw.
  template <typename Report>
  void run(unsigned n_threads, Report report) {
    std::vector<std::thread> others;
    std::exception_ptr failure;
    try {
      for (unsigned i = 1; i < n_threads; ++i) others.emplace_back([this] { guarded([] (size_t) {}); });
      work(report);
    } catch (...) {
      failure = std::current_exception();
    }
    if (failure) stop();
    for (auto& thread : others) thread.join();
    if (!failure) failure = failure_;
    if (failure) std::rethrow_exception(failure);
    report(finished_.load());  // the others may have left the first thread no range to report after
  }

 private:
  template <typename Report>
  void guarded(Report report) {
    try {
      work(report);
    } catch (...) {
      std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
      stopped_ = true;
      changed_.notify_all();
    }
  }

  void stop() {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

  template <typename Report>
  void work(Report report) {
    Workspace workspace;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopped_ || !waiting_.empty() || busy_ == 0; });
      if (stopped_ || waiting_.empty()) return;
      auto range = std::move(waiting_.back());
      waiting_.pop_back();
      ++busy_;
      lock.unlock();
      std::unique_ptr<Range> a, b;
      bisection_.split(*range, workspace, a, b);
      const size_t n = range->size();
      range.reset();
      finished_ += n;
      report(finished_.load());
      lock.lock();
      if (b) waiting_.push_back(std::move(b));
      if (a) waiting_.push_back(std::move(a));
      --busy_;
      changed_.notify_all();
    }
  }

  const Bisection& bisection_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Range>> waiting_;
  size_t busy_ = 0;
  bool stopped_ = false;
  std::atomic<size_t> finished_{0};
  std::exception_ptr failure_;
};

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

// Count in how many documents each term is, checking the arrays on the way.
std::vector<uint32_t> checked_df(const int64_t* ptr, size_t n, const uint32_t* terms, size_t n_postings, uint32_t n_terms) {
  if (ptr[0] != 0 || static_cast<uint64_t>(ptr[n]) != n_postings) {
    refuse("ptr runs from " + std::to_string(ptr[0]) + " to " + std::to_string(ptr[n]) + ", not from 0 to the " +
           std::to_string(n_postings) + " terms");
  }
  for (size_t d = 0; d < n; ++d) {
    if (ptr[d + 1] < ptr[d]) refuse("ptr falls at document " + std::to_string(d));
  }
  std::vector<uint32_t> df(n_terms, 0);
  for (size_t d = 0; d < n; ++d) {
    int64_t before = -1;
    for (int64_t i = ptr[d]; i < ptr[d + 1]; ++i) {
      if (terms[i] >= n_terms || static_cast<int64_t>(terms[i]) <= before) {
        refuse("document " + std::to_string(d) + ": term " + std::to_string(terms[i]) + " after " +
               std::to_string(before) + " of " + std::to_string(n_terms) + "; rows must ascend strictly");
      }
      before = terms[i];
      ++df[terms[i]];
    }
  }
  return df;
}

std::unique_ptr<Range> root_range(const int64_t* ptr, size_t n, const uint32_t* terms, const std::vector<uint32_t>& df,
                                  uint64_t min_df, uint64_t max_df) {
  auto root = std::make_unique<Range>();
  std::vector<uint32_t> renumber(df.size());
  uint64_t total = 0;
  for (size_t t = 0; t < df.size(); ++t) {
    const bool kept = df[t] >= min_df && df[t] <= max_df;
    renumber[t] = kept ? root->n_terms++ : kNoTerm;
    total += kept ? df[t] : 0;
  }
  root->terms.reserve(total);
  root->ptr.reserve(n + 1);
  root->ptr.push_back(0);
  root->docs.resize(n);
  for (size_t d = 0; d < n; ++d) {
    root->docs[d] = static_cast<uint32_t>(d);
    for (int64_t i = ptr[d]; i < ptr[d + 1]; ++i) {
      if (renumber[terms[i]] != kNoTerm) root->terms.push_back(renumber[terms[i]]);
    }
    root->ptr.push_back(root->terms.size());
  }
  return root;
}

nb::ndarray<nb::numpy, int32_t, nb::ndim<1>> bisect(Array<int64_t> ptr, Array<uint32_t> terms, uint32_t n_terms,
                                                    uint64_t min_df, uint64_t max_df, uint32_t leaf,
                                                    uint32_t iterations, unsigned threads, nb::object progress) {
  if (ptr.shape(0) == 0) refuse("ptr is empty; it needs one entry more than there are documents");
  const size_t n = ptr.shape(0) - 1;
  if (n >= kRight) refuse(std::to_string(n) + " documents; the limit is 2147483647");
  auto order = std::make_unique<int32_t[]>(std::max<size_t>(n, 1));
  {
    nb::gil_scoped_release release;
    const auto df = checked_df(ptr.data(), n, terms.data(), terms.shape(0), n_terms);
    const Bisection bisection(n, {std::max(leaf, 1u), iterations}, order.get());
    size_t levels = 1;
    for (size_t size = n; size > std::max(leaf, 1u); size = (size + 1) / 2) ++levels;
    const size_t in_all = std::max<size_t>(n * levels, 1);
    size_t told = 0;
    Pool pool(bisection, root_range(ptr.data(), n, terms.data(), df, min_df, max_df));
    pool.run(std::max(threads, 1u), [&](size_t done) {
      if (done - told < in_all / 100 + 1) return;
      told = done;
      nb::gil_scoped_acquire acquire;
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      if (!progress.is_none()) progress(std::min(done, in_all), in_all);
    });
  }
  auto* data = order.release();
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<int32_t*>(p); });
  return {data, {n}, owner};
}

// Compressed rows -> compressed columns: for each column the rows that have it, ascending.
nb::tuple transpose(Array<int64_t> ptr, Array<uint32_t> ids, uint32_t n_columns) {
  if (ptr.shape(0) == 0) refuse("ptr is empty; it needs one entry more than there are rows");
  const size_t n = ptr.shape(0) - 1, n_entries = ids.shape(0);
  const int64_t* from = ptr.data();
  if (from[0] != 0 || static_cast<uint64_t>(from[n]) != n_entries) refuse("ptr does not span the entries");
  for (size_t r = 0; r < n; ++r) {
    if (from[r + 1] < from[r]) refuse("ptr falls at row " + std::to_string(r));
  }
  for (size_t i = 0; i < n_entries; ++i) {
    if (ids.data()[i] >= n_columns) refuse("entry " + std::to_string(ids.data()[i]) + " of " + std::to_string(n_columns));
  }
  auto start = std::make_unique<int64_t[]>(static_cast<size_t>(n_columns) + 1);
  auto rows = std::make_unique<uint32_t[]>(std::max<size_t>(n_entries, 1));
  {
    nb::gil_scoped_release release;
    std::fill_n(start.get(), static_cast<size_t>(n_columns) + 1, 0);
    for (size_t i = 0; i < n_entries; ++i) ++start[ids.data()[i] + 1];
    for (size_t c = 0; c < n_columns; ++c) start[c + 1] += start[c];
    std::vector<int64_t> next(start.get(), start.get() + n_columns);
    for (size_t r = 0; r < n; ++r) {
      for (int64_t i = from[r]; i < from[r + 1]; ++i) rows[static_cast<size_t>(next[ids.data()[i]]++)] = static_cast<uint32_t>(r);
    }
  }
  const auto own = [](auto* data, size_t size) {
    using T = std::remove_pointer_t<decltype(data)>;
    nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return nb::ndarray<nb::numpy, T, nb::ndim<1>>(data, {size}, owner);
  };
  return nb::make_tuple(own(start.release(), static_cast<size_t>(n_columns) + 1), own(rows.release(), n_entries));
}

}  // namespace

namespace spaniel {

void bind_bisection(nb::module_& m) {
  m.def("bisect", &bisect, nb::arg("ptr"), nb::arg("terms"), nb::arg("n_terms"), nb::arg("min_df"), nb::arg("max_df"),
        nb::arg("leaf"), nb::arg("iterations"), nb::arg("threads"), nb::arg("progress").none());
  m.def("transpose", &transpose, nb::arg("ptr"), nb::arg("ids"), nb::arg("n_columns"));
}

}  // namespace spaniel
