"""The text that Prometheus reads."""

import pytest

from spaniel.rerank.serve.instruments import Counter, Histogram
from spaniel.rerank.serve.metrics import Metrics


def test_counter() -> None:
    counter = Counter("spaniel_things_total", "Things.")
    assert list(counter.lines())[-1] == "spaniel_things_total 0"
    counter.add(route="/rerank", status="200")
    counter.add(2, status="200", route="/rerank")
    counter.add(0.5, route='a "b"\\\n', status="x")
    assert list(counter.lines()) == [
        "# HELP spaniel_things_total Things.",
        "# TYPE spaniel_things_total counter",
        'spaniel_things_total{route="/rerank",status="200"} 3',
        'spaniel_things_total{route="a \\"b\\"\\\\\\n",status="x"} 0.5',
    ]
    assert counter.value(status="200", route="/rerank") == 3


def test_histogram_is_cumulative() -> None:
    histogram = Histogram("spaniel_seconds", "Seconds.", (0.5, 1))
    for value in (0.25, 0.5, 0.75, 4):
        histogram.add(value)
    assert list(histogram.lines())[2:] == [
        'spaniel_seconds_bucket{le="0.5"} 2',
        'spaniel_seconds_bucket{le="1"} 3',
        'spaniel_seconds_bucket{le="+Inf"} 4',
        "spaniel_seconds_sum 5.5",
        "spaniel_seconds_count 4",
    ]
    assert histogram.count() == 4


def test_everything_is_shown_once() -> None:
    metrics = Metrics()
    metrics.gauge("spaniel_half", "A half.", lambda: 0.5)
    metrics.response("/rerank", 200, 0.2)
    metrics.batch([3, 5, 5], 0.1)
    text = metrics.render()
    kinds = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(kinds) == len(set(kinds)) and "te_request_count" in kinds
    for line in (
        "spaniel_half 0.5",
        'spaniel_http_requests_total{route="/rerank",status="200"} 1',
        "spaniel_tokens_total 13",
        "spaniel_padding_tokens_total 2",
        'te_batch_next_size_bucket{le="4"} 1',
    ):
        assert f"\n{line}\n" in text
    assert float(text.partition("\nprocess_resident_memory_bytes ")[2].split()[0]) > 0


def test_failures_have_their_seconds() -> None:
    metrics = Metrics()
    metrics.failed("deadline", 4.0)
    text = metrics.render()
    assert 'te_request_failure{err="deadline"} 1' in text
    assert 'spaniel_failed_request_seconds_bucket{err="deadline",le="5"} 1' in text


def test_pages_are_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = "\nprocess_resident_memory_bytes "
    monkeypatch.setattr("os.sysconf", lambda name: 1)
    pages = float(Metrics().render().partition(shown)[2].split()[0])
    monkeypatch.setattr("os.sysconf", lambda name: 1 << 20)
    assert float(Metrics().render().partition(shown)[2].split()[0]) > pages * 1000
