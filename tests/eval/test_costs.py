"""What is measured is what was asked: which queries, how many, within which budget."""

import subprocess
import sys

import numpy as np
import pytest

from spaniel.eval.costs import Latency, measure_latencies, usage_since


def test_a_sample_is_timed_after_a_warm_up() -> None:
    asked: list[int] = []
    ms = measure_latencies(asked.append, 500, seed=1, most=40, budget_s=1000)
    assert np.isfinite(ms).sum() == 40
    assert asked[100:] == np.random.default_rng(1).permutation(500)[:40].tolist()
    assert not set(asked[:100]) & set(asked[100:])
    again: list[int] = []
    measure_latencies(again.append, 500, seed=1, most=40, budget_s=1000)
    assert again == asked


@pytest.mark.parametrize("n", [1, 2, 7, 120, 1000, 1200])
def test_what_remembers_queries_is_never_timed_doing_so(n: int) -> None:
    remembered: set[int] = set()
    again: list[int] = []

    def ask(place: int) -> None:
        if place in remembered:
            again.append(place)
        remembered.add(place)

    ms = measure_latencies(ask, n, budget_s=1000)
    n_timed = int(np.isfinite(ms).sum())
    assert not again
    assert n_timed == {1: 1, 2: 1, 7: 6, 120: 108, 1000: 900, 1200: 1000}[n]
    assert len(remembered) - n_timed == {1: 0, 2: 1, 7: 1, 120: 12, 1000: 100, 1200: 100}[n]


def test_without_budget_one_query_is_timed() -> None:
    assert np.isfinite(measure_latencies(lambda place: None, 30, budget_s=0)).sum() == 1


def test_percentiles_are_of_what_was_timed() -> None:
    ms = np.full(300, np.nan)
    ms[:101] = np.arange(101.0)
    latency = Latency.of(ms)
    assert latency == Latency(50.0, 95.0, 99.0, 101)
    assert Latency.of(np.full(3, np.nan)) is None and Latency.of(None) is None


def test_the_peak_begins_anew() -> None:
    # In a process of its own: what other tests leave for the collector could be freed while this one measures. Above
    # 32 MiB malloc asks the system; below it may hand out what was freed before and is still held.
    code = """
import numpy as np
from spaniel.eval.costs import PeakMemory
large = np.ones(60 << 20, np.uint8)
high = PeakMemory().size_bytes()
del large
memory = PeakMemory()
low = memory.size_bytes()
large = np.ones(40 << 20, np.uint8)
print(high, low, memory.size_bytes())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    high, low, again = map(int, done.stdout.split())
    assert again - low > 20 << 20
    assert low < high


def test_usage_is_what_came_on_top() -> None:
    assert usage_since({"model_calls": 2}, {"model_calls": 5, "tokens": 7}) == {"model_calls": 3, "tokens": 7}
    assert usage_since(None, None) == {}
