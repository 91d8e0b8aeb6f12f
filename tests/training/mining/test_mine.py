"""Mining: by the definition, the same whatever happens around it, and what was left out is counted."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from contracts.mining_fakes import Scores, Texts, plain_negatives
from hypothesis import given
from hypothesis import strategies as st

import spaniel
from spaniel.index.index import Index
from spaniel.rerank.judges.base import Call, Judge, Judged
from spaniel.rerank.judges.oracle import OracleJudge
from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Document
from spaniel.training.data import training_set
from spaniel.training.examples import Example
from spaniel.training.mining.mine import mine, mine_set, mined
from spaniel.training.mining.settings import MiningSettings
from spaniel.training.mining.writing import lines_of_ids, lines_of_texts

N = 30
TEXTS = Texts([f"passage number {n}" for n in range(N)])


class ByNumber(Judge):
    """Scores passage n with `scores[n]`; None fails. `seen`: what it was shown."""

    name, identity, kinds = "by-number", "by-number 1", frozenset({"score"})

    def __init__(self, scores: Sequence[float | None]) -> None:
        self.scores, self.seen = scores, list[tuple[str, int]]()

    def _score(self, calls: Sequence[Call]) -> Judged:
        numbers = [int(call.passages[0].id[1:]) for call in calls]
        self.seen += [(call.query.id, n) for call, n in zip(calls, numbers, strict=True)]
        return Judged([self.scores[n] for n in numbers], [1] * len(calls))


def ranked(*ids: str) -> Scores:
    """For each question, passage n has the score N - n."""
    return Scores({id_: {n: float(N - n) for n in range(N)} for id_ in ids}, TEXTS)


@given(st.data())
def test_what_is_mined_is_what_the_definition_says(data: st.DataObject) -> None:
    ordinals = st.integers(0, N - 1)
    questions = []
    scores = {}
    for place in range(data.draw(st.integers(1, 4))):
        positives = data.draw(st.sets(ordinals, min_size=1, max_size=4))
        negatives = data.draw(st.sets(ordinals, max_size=2)) - positives
        questions.append(Example(f"q{place}", f"question {place}", dict.fromkeys(positives, 1), tuple(negatives)))
        some = data.draw(st.sets(ordinals, max_size=N))
        of_scores = st.integers(-4, 12).map(lambda n: n / 4)
        scores[f"q{place}"] = {n: data.draw(of_scores) for n in sorted(some)}
    first = data.draw(st.integers(0, 5))
    end = data.draw(st.integers(first + 1, N))
    margins = st.sampled_from([None, 0.0, 0.05, 0.5])
    settings = MiningSettings(
        n=data.draw(st.integers(0, end - first)),
        rank_range=(first, end),
        relative_margin=data.draw(margins),
        absolute_margin=data.draw(margins),
        against=data.draw(st.sampled_from(["best", "worst", 1, 2, 9])),
    )
    found = mine(questions, Scores(scores, TEXTS), settings=settings)
    assert [each.negatives for each in found] == [
        (*each.negatives, *plain_negatives(each, scores[each.id], settings)) for each in questions
    ]


def test_ranges_count_passages_that_are_not_known() -> None:
    [found] = mine([Example("a", "?", {0: 1, 3: 1}, (5,))], ranked("a"), n=2, rank_range=(2, 10), relative_margin=None)
    assert found.negatives == (5, 4, 6)


def test_the_margin_is_of_the_absolute_score() -> None:
    scores = {0: -1.0, 1: -1.02, 2: -1.06, 3: -0.9}
    [found] = mine([Example("a", "?", {0: 1})], Scores({"a": scores}, TEXTS), n=3)
    assert found.negatives == (2,)


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_nothing_passes_where_the_positive_was_not_found(margin: float) -> None:
    found = mined([Example("a", "?", {9: 1})], Scores({"a": {1: 2.0, 2: 1.0}}, TEXTS), relative_margin=margin)
    assert found.examples[0].negatives == ()
    assert found.counts["questions_positive_not_found"] == 1


def test_random_sampling_draws_and_keeps_the_hardest_first() -> None:
    questions = [Example(f"q{n}", f"?{n}", {0: 1}) for n in range(20)]
    retriever = ranked(*(each.id for each in questions))
    found = mine(questions, retriever, n=3, rank_range=(0, 20), relative_margin=None, sampling="random", seed=1)
    assert all(list(each.negatives) == sorted(each.negatives) for each in found)
    assert len({each.negatives for each in found}) > 10
    alone = mine(questions[7:8], retriever, n=3, rank_range=(0, 20), relative_margin=None, sampling="random", seed=1)
    assert alone[0].negatives == found[7].negatives
    other = mine(questions, retriever, n=3, rank_range=(0, 20), relative_margin=None, sampling="random", seed=2)
    assert [each.negatives for each in other] != [each.negatives for each in found]


def test_a_copy_of_a_positive_or_of_the_question_is_no_negative() -> None:
    texts = Texts(["The answer.", " the ANSWER.", "what is it?", "other", "Other", "more"])
    retriever = Scores({"a": {n: 10.0 - n for n in range(6)}}, texts)
    found = mined([Example("a", "What is it?", {0: 1})], retriever, n=4, rank_range=(0, 5))
    assert found.examples[0].negatives == (3, 5)
    assert found.counts["same_text"] == 3


def test_a_judge_drops_what_it_takes_for_an_answer() -> None:
    judge = ByNumber([1.0] + [0.96, 0.95, 2.0, 0.1, None] + [0.0] * (N - 6))
    found = mined([Example("a", "?", {0: 1})], ranked("a"), n=3, judge=judge)
    assert found.examples[0].negatives == (2, 4, 6)
    assert {name: found.counts[name] for name in ("judge", "judge_failed", "judge_calls")} == {
        "judge": 2, "judge_failed": 1, "judge_calls": 7,
    }  # fmt: skip
    assert sorted(n for _, n in judge.seen) == list(range(7))


def test_a_judge_is_not_asked_for_more_than_its_budget() -> None:
    judge = ByNumber([1.0] * 5 + [0.0] * (N - 5))
    found = mined([Example("a", "?", {0: 1, 1: 1, 29: 1})], ranked("a"), n=3, judge=judge, judge_calls=5)
    assert found.examples[0].negatives == ()
    assert [n for _, n in judge.seen] == [0, 1, 29, 2, 3]
    assert found.counts["questions_without"] == 1


def test_without_a_judged_positive_nothing_is_kept() -> None:
    found = mined([Example("a", "?", {0: 1})], ranked("a"), n=3, judge=ByNumber([None] * N))
    assert found.examples[0].negatives == ()
    assert found.counts["questions_positive_not_judged"] == 1


def test_an_oracle_hides_no_false_negative() -> None:
    judge = OracleJudge({"a": {"p0": 1, "p2": 1, "p3": 2}})
    [found] = mine([Example("a", "?", {0: 1})], ranked("a"), n=3, judge=judge)
    assert found.negatives == (1, 4, 5)


def test_random_passages_are_drawn_beside_the_mined() -> None:
    question = Example("a", "?", {0: 1}, (1,))
    population = np.arange(N)
    [found] = mine([question], ranked("a"), n=2, relative_margin=None, random=5, population=population, seed=3)
    assert found.negatives[:3] == (1, 2, 3)
    assert len(set(found.negatives)) == 8
    assert 0 not in found.negatives
    [every] = mine([question], ranked("a"), n=2, relative_margin=None, random=N, population=population)
    assert sorted(every.negatives) == list(range(1, N))


def test_work_is_resumed_and_ends_the_same(tmp_path: Path) -> None:
    questions = [Example(f"q{n}", f"?{n}", {n % N: 1}) for n in range(200)]
    whole = mined(questions, ranked(*(each.id for each in questions)), relative_margin=None, sampling="random")
    definition = {"name": "fake"}

    class Killed(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done >= 128:
            raise Killed

    options = {"relative_margin": None, "sampling": "random", "cache": tmp_path, "definition": definition}
    first = ranked(*(each.id for each in questions))
    with pytest.raises(Killed):
        mined(questions, first, on_progress=stop, **options)
    [journal] = tmp_path.iterdir()
    journal.write_bytes(journal.read_bytes() + b"SPJ1 half a record")
    again = ranked(*(each.id for each in questions))
    resumed = mined(questions, again, **options)
    assert resumed.resumed == 128
    assert again.searched == [each.id for each in questions[128:]]
    assert [each.negatives for each in resumed.examples] == [each.negatives for each in whole.examples]
    assert resumed.counts == whole.counts
    cached = ranked()
    assert [each.negatives for each in mined(questions, cached, **options).examples] == [
        each.negatives for each in whole.examples
    ]
    assert not cached.searched


@pytest.mark.parametrize("change", [{"n": 4}, {"seed": 1}, {"definition": {"name": "other"}}])
def test_other_work_is_not_resumed(tmp_path: Path, change: dict[str, object]) -> None:
    questions, options = [Example("a", "?", {0: 1})], {"cache": tmp_path, "definition": {"name": "fake"}}
    mined(questions, ranked("a"), **options)
    again = ranked("a")
    mined(questions, again, **(options | change))
    assert again.searched == ["a"]


def test_a_judge_is_asked_once_for_each_passage(tmp_path: Path) -> None:
    options = {"cache": tmp_path, "definition": {"name": "fake"}}
    judge = ByNumber([1.0] + [0.0] * (N - 1))
    mined([Example("a", "?", {0: 1})], ranked("a"), n=3, judge=judge, **options)
    assert len(judge.seen) == 4
    found = mined([Example("a", "?", {0: 1})], ranked("a"), n=5, judge=judge, **options)
    assert len(judge.seen) == 6
    assert found.examples[0].negatives == (1, 2, 3, 4, 5)


def test_what_cannot_be(tmp_path: Path) -> None:
    questions, retriever = [Example("a", "?", {0: 1})], ranked("a")
    with pytest.raises(InvalidInput, match="cannot come from 3 ranks"):
        mine(questions, retriever, rank_range=(2, 5))
    with pytest.raises(InvalidInput, match="holds no rank"):
        mine(questions, retriever, rank_range=(5, 5))
    with pytest.raises(InvalidInput, match="relative_margin"):
        mine(questions, retriever, relative_margin=-0.1)
    with pytest.raises(InvalidInput, match="sampling"):
        mine(questions, retriever, sampling="all")
    with pytest.raises(InvalidInput, match="against"):
        mine(questions, retriever, against=0)
    with pytest.raises(InvalidInput, match="unexpected keyword argument 'margin'"):
        mine(questions, retriever, margin=1)
    with pytest.raises(InvalidInput, match="needs definition="):
        mine(questions, retriever, cache=tmp_path)
    with pytest.raises(InvalidInput, match="nobody knows what Texts holds"):
        mine(questions, retriever, random=1)
    judge = ByNumber([0.0] * N)
    judge.identity = ""
    with pytest.raises(InvalidInput, match="cannot be cached"):
        mine(questions, retriever, judge=judge, cache=tmp_path, definition={})
    judge.kinds = frozenset({"prefer"})
    with pytest.raises(InvalidInput, match="gives no scores"):
        mine(questions, retriever, judge=judge)


def test_a_judge_that_fails_as_a_whole_ends_the_work() -> None:
    class Broken(ByNumber):
        def _score(self, calls: Sequence[Call]) -> Judged:
            raise ModelError("no connection")

    with pytest.raises(ModelError, match="no connection"):
        mine([Example("a", "?", {0: 1})], ranked("a"), judge=Broken([]))


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    words = ["key", "lock", "door", "house", "garden", "tree", "leaf", "rain"]
    documents = [
        Document(f"d{n}", f"{words[n % 8]} {words[n % 5]} {words[n % 3]} number{n}", f"{words[n % 7]}")
        for n in range(60)
    ]
    path = tmp_path_factory.mktemp("kb") / "kb"
    spaniel.build(documents, path, chunks=False).close()
    spaniel.delete(path, ["d59"])
    with spaniel.open(path) as index:
        yield index


def test_a_training_set_over_bm25_and_back_through_a_file(kb: Index, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"id": f"q{n}", "query": f"key door number{n}", "positive": f"d{n}"} for n in range(20)]
    rows.append({"id": "extra", "query": "rain on leaf", "positive": "Rain falls from a leaf."})
    path.write_text("\n".join(map(json.dumps, rows)))
    data = training_set(kb, path, dev=5)
    ready, found = mine_set(data, kb.bm25(), n=3, relative_margin=0.05, random=2, seed=4)
    assert ready.dev == data.dev
    assert found.counts["mined"] == sum(len(each.negatives) for each in ready.train) - 2 * len(ready.train)
    assert all(59 not in each.negatives and not set(each.negatives) & set(each.positives) for each in ready.train)
    threaded, _ = mine_set(data, kb.bm25(threads=4), n=3, relative_margin=0.05, random=2, seed=4)
    assert [each.negatives for each in threaded.train] == [each.negatives for each in ready.train]

    out = tmp_path / "negatives.jsonl"
    out.write_text("\n".join(lines_of_ids(ready, ready.train)))
    again = training_set(kb, out, dev=0)
    assert [(e.id, e.text, dict(e.positives), e.negatives) for e in again.train] == [
        (e.id, e.text, dict(e.positives), e.negatives) for e in ready.train
    ]
    columns = [json.loads(line) for line in lines_of_texts(ready, ready.train, 2)]
    assert columns
    assert {tuple(row) for row in columns} == {("query", "positive", "negative_1", "negative_2")}
    texts = tmp_path / "texts.jsonl"
    texts.write_text("\n".join(map(json.dumps, columns)))
    by_texts = training_set(kb, texts, dev=0)
    assert by_texts.train[0].negatives == ready.train[0].negatives[:2]


def test_a_cached_training_set_with_extra_texts(kb: Index, tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps({"query": "rain leaf", "positive": "Rain falls from a leaf."}))
    data = training_set(kb, path, dev=0)
    options = {"n": 2, "cache": tmp_path / "cache", "definition": {"name": "bm25"}}
    [none] = mine_set(data, kb.bm25(), **options)[0].train
    assert none.negatives == ()
    [some] = mine_set(data, kb.bm25(), relative_margin=None, **options)[0].train
    assert len(some.negatives) == 2
