"""Running a pipeline: the same rankings in one go, in pieces, on any number of threads, and after an interruption."""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.toy import ListStore, WordCount

from spaniel.eval.execute import Executed, execute
from spaniel.eval.journal import Journal
from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline, rrf
from spaniel.retrieval.protocols import Exclude, Where
from spaniel.retrieval.types import JSON, QueryLike, Ranking

WORDS = ["red", "blue", "green", "fish", "bird", "stone", "leaf", "cloud"]
rng = random.Random(7)
TEXTS = [" ".join(rng.choices(WORDS, k=rng.randint(1, 9))) for _ in range(120)]
QUERIES = {f"q{i}": " ".join(rng.choices(WORDS, k=2)) for i in range(90)}


def words(texts: Sequence[str] = TEXTS, documents: Sequence[str] | None = None, **settings: Any) -> WordCount:
    source = WordCount(texts, **settings)
    source.passages = ListStore(texts, documents)
    return source


def lists(run: Run, stage: str | None = None) -> dict[str, list[tuple[str, float]]]:
    return {query: [(hit.id, hit.score) for hit in run.ranking(query, stage=stage)] for query in run.query_ids}


def expected(source: WordCount | Pipeline, k: int) -> dict[str, list[tuple[str, float]]]:
    rankings = source.search(list(QUERIES.values()), k=k)
    return {
        query: [(f"p{ordinal}", score) for ordinal, score in ranking]
        for query, ranking in zip(QUERIES, rankings, strict=True)
    }


def ran(pipeline: Any, queries: dict[str, str] = QUERIES, **options: Any) -> Executed:
    return execute(pipeline, queries, **{"name": "toy", "timing_s": 0, **options})


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("depth", [1, 7, 1000])
def test_rankings_are_those_of_the_pipeline(threads: int, depth: int) -> None:
    done = ran(words(), threads=threads, depth=depth)
    assert done.run.query_ids == tuple(QUERIES)
    assert lists(done.run) == expected(words(), depth)
    assert done.threads == threads and done.queries_per_s > 0 and done.n_resumed == 0
    assert done.sources == ("words",)
    final = done.run.final
    assert [f"p{n}" for n in done.ordinals] == [done.run.document_ids[i] for i in final.ids]


def test_queries_that_find_nothing_stay() -> None:
    done = ran(words(), {"a": "red", "b": "nothing"})
    assert done.run.ranking("b") == [] and len(done.run.ranking("a")) > 3


class Top:
    name = "top 5"

    def cut(self, query: QueryLike, ranking: Ranking) -> int:
        return 5

    def explain(self, query: QueryLike, ranking: Ranking) -> dict[str, JSON]:
        return {"k": 5}


def test_every_stage_is_kept() -> None:
    first, second = words(name="a", depth=20), words(name="a", depth=20, weight=-1.0)
    second.passages = first.passages
    pipeline = rrf(first, second) >> Top()
    done = ran(pipeline)
    assert list(done.run.stages) == ["a", "a (2)", "rrf(a, a)", "top 5"]
    assert done.sources == ("a", "a (2)")
    assert lists(done.run, "a") == expected(first, 20)
    assert lists(done.run, "a (2)") == expected(second, 20)
    assert lists(done.run) == expected(pipeline, 5)


# --- Self-retrieval ---


def test_self_retrieval_is_dropped_before_the_cut() -> None:
    queries = {f"p{i}": TEXTS[i] for i in range(40)}
    kept = ran(words(), queries, depth=10)
    assert any(hit.id == query for query in queries for hit in kept.run.ranking(query))
    done = ran(words(), queries, depth=10, drop_self=True)
    for i, query in enumerate(queries):
        [ranking] = words().search([TEXTS[i]], k=11, exclude=[[i]])
        assert [hit.id for hit in done.run.ranking(query)] == [f"p{n}" for n in ranking.ids[:10]]
        assert len(done.run.ranking(query)) == 10


# --- Documents of several passages ---


def test_documents_stand_where_their_best_passage_stands() -> None:
    owners = [f"d{i // 4}" for i in range(len(TEXTS))]
    done = ran(words(documents=owners, depth=1000), depth=1000)
    for query, text in QUERIES.items():
        [ranking] = words().search([text], k=1000)
        best: dict[str, float] = {}
        for ordinal, score in ranking:
            best.setdefault(owners[ordinal], score)
        assert [(hit.id, hit.score) for hit in done.run.ranking(query)] == list(best.items())
    final = done.run.final
    assert [owners[n] for n in done.ordinals] == [done.run.document_ids[i] for i in final.ids]


def test_crowded_queries_are_asked_deeper() -> None:
    owners = [f"d{i // 4}" for i in range(len(TEXTS))]
    deep = ran(words(documents=owners, depth=1000), depth=10).run
    for depth in (10, 13):
        shallow = ran(words(documents=owners, depth=depth), depth=10).run
        assert lists(shallow) == lists(deep)
    # With stages after the source the depth is meant as it is.
    cut = ran(words(documents=owners, depth=10) >> Top(), depth=10).run
    assert max(map(len, lists(cut).values())) < 6 and lists(cut) != lists(deep)


def test_documents_of_several_passages_do_not_find_themselves() -> None:
    owners = [f"d{i // 4}" for i in range(len(TEXTS))]
    queries = {f"d{i // 4}": TEXTS[i] for i in range(0, 40, 4)}
    done = ran(words(documents=owners, depth=10), queries, depth=10, drop_self=True)
    plain = ran(words(documents=owners, depth=1000), queries, depth=1000)
    for query in queries:
        others = [hit.id for hit in plain.run.ranking(query) if hit.id != query]
        assert [hit.id for hit in done.run.ranking(query)] == others[:10]


# --- Interruptions ---


class Dies(WordCount):
    """Fails in the middle of the n-th call, and counts what it was asked."""

    def __init__(self, n: int | None) -> None:
        super().__init__(TEXTS)
        self.left, self.asked = n, 0

    def search(
        self,
        queries: Sequence[QueryLike],
        *,
        k: int | None = None,
        exclude: Exclude | None = None,
        where: Where | None = None,
    ) -> list[Ranking]:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
        self.asked += len(queries)
        return super().search(queries, k=k, exclude=exclude, where=where)


@pytest.mark.parametrize("n", range(4))
def test_an_interrupted_run_goes_on(tmp_path: Path, n: int) -> None:
    whole = ran(words()).run
    with Journal(tmp_path / "run", {"is": 1}) as journal, pytest.raises(KeyboardInterrupt):
        ran(Dies(n), threads=1, journal=journal)
    again = Dies(None)
    with Journal(tmp_path / "run", {"is": 1}) as journal:
        done = ran(again, threads=1, journal=journal)
    assert lists(done.run) == lists(whole)
    assert again.asked == len(QUERIES) - done.n_resumed
    assert (done.n_resumed > 0) == (n > 0)
    third = Dies(0)  # everything is there: nothing is asked
    with Journal(tmp_path / "run", {"is": 1}) as journal:
        taken = ran(third, journal=journal)
    assert lists(taken.run) == lists(whole) and taken.n_resumed == len(QUERIES) and third.asked == 0
    assert (taken.queries_per_s, taken.created) == (done.queries_per_s, done.created)


def test_throughput_goes_with_the_threads_it_was_measured_on(tmp_path: Path) -> None:
    with Journal(tmp_path / "run", {"is": 1}) as journal:
        first = ran(words(), threads=1, journal=journal)
    with Journal(tmp_path / "run", {"is": 1}) as journal:
        taken = ran(words(), threads=3, journal=journal)
    assert (taken.threads, taken.queries_per_s) == (first.threads, first.queries_per_s) == (1, first.queries_per_s)
    # Interrupted on one thread, finished on three: the figure is of what ran on three.
    with Journal(tmp_path / "part", {"is": 1}) as journal, pytest.raises(KeyboardInterrupt):
        ran(Dies(2), threads=1, journal=journal)
    with Journal(tmp_path / "part", {"is": 1}) as journal:
        mixed = ran(words(), threads=3, journal=journal)
    with Journal(tmp_path / "part", {"is": 1}) as journal:
        chunks = [r.values for r in journal.records if r.values["kind"] == "chunk"]
    assert {chunk["threads"] for chunk in chunks} == {1, 3} and mixed.threads == 3
    last = [chunk for chunk in chunks if chunk["threads"] == 3]
    n, seconds = sum(c["stop"] - c["first"] for c in last), sum(c["seconds"] for c in last)
    assert mixed.queries_per_s == pytest.approx(n / seconds)


def test_chunks_that_do_not_follow_are_not_believed(tmp_path: Path) -> None:
    with Journal(tmp_path / "run", {"is": 1}) as journal:
        ran(words(), journal=journal)
        records = [r for r in journal.records if r.values["kind"] == "chunk"]
    with Journal(tmp_path / "run", {"is": 1}) as journal:
        records = [r for r in journal.records if r.values["kind"] == "chunk"]
    with Journal(tmp_path / "gap", {"is": 1}) as journal:
        for record in (records[0], records[2]):
            journal.append(record.values, record.arrays)
    with Journal(tmp_path / "gap", {"is": 1}) as journal:
        done = ran(words(), journal=journal)
    assert done.n_resumed == records[0].values["stop"]
    assert lists(done.run) == expected(words(), 1000)


# --- Costs ---


class Metered(WordCount):
    """Counts a call for each query."""

    calls = 0

    def search(self, queries: Sequence[QueryLike], **options: Any) -> list[Ranking]:
        self.calls += len(queries)
        return super().search(queries, **options)

    def usage(self) -> dict[str, int]:
        return {"model_calls": self.calls, "tokens": 3 * self.calls}


def test_usage_is_that_of_all_queries_once() -> None:
    done = ran(Metered(TEXTS), timing_s=1)
    assert done.usage == {"model_calls": len(QUERIES), "tokens": 3 * len(QUERIES)}
    assert ran(words()).usage == {}


def test_latencies_are_taken_query_by_query() -> None:
    told: list[tuple[str, int, int]] = []
    done = ran(words(), timing_s=60, on_progress=lambda *words: told.append(words))
    assert done.run.ms is not None
    timed = done.run.ms[np.isfinite(done.run.ms)]
    assert len(timed) == 81 and (timed > 0).all()  # nine of 90 were the warm-up
    assert {what for what, _, _ in told} == {"timing", "running"}
    assert told[-1] == ("running", len(QUERIES), len(QUERIES))
    assert ran(words()).run.ms is None
    assert done.peak_rss_bytes > 1 << 20


@pytest.mark.parametrize(
    ("options", "said"), [({"depth": 0}, "depth"), ({"threads": 0}, "threads"), ({"queries": {}}, "no query")]
)
def test_what_cannot_be_run(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        ran(words(), **options)


def test_passages_need_ids() -> None:
    source = words()
    source.passages = None
    with pytest.raises(InvalidInput, match="ids"):
        ran(source)


def test_an_interrupt_waits_for_few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    """However large chunks have grown, one search gets few queries, and none begins after the interrupt."""
    asked: list[int] = []

    class Watched(WordCount):
        def search(self, queries: Sequence[QueryLike], **words: Any) -> list[Ranking]:
            asked.append(len(queries))
            time.sleep(0.002)  # long enough for the other thread to hear of it
            if sum(asked) > 500:
                raise KeyboardInterrupt
            return super().search(queries, **words)

    source = Watched(TEXTS[:3])
    source.passages = ListStore(TEXTS[:3])
    monkeypatch.setattr("spaniel.eval.execute._FIRST_CHUNK", 4096)
    many = {f"q{i}": "red" for i in range(3000)}
    with pytest.raises(KeyboardInterrupt):
        ran(source, many, threads=1)
    assert max(asked) <= 64 and sum(asked) < 800
