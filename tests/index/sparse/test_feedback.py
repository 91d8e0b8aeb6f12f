"""Feedback on words over an index: the common contract, and the terms that are taken."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.retriever import RetrieverContract, Subject
from contracts.toy import WordCount

import spaniel as sp
from spaniel.index.sparse.feedback import TermFeedback
from spaniel.index.sparse.frequencies import TermFrequencies
from spaniel.retrieval.calibration import calibrated
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Query

WORDS = ["red", "green", "blue", "fish", "bird", "dog", "cat", "house", "tree", "river", "stone", "cloud"]
QUERIES = ["red fish", "dog", "cloud stone river", "tree tree cat", "a blue house by the river"]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sp.Index]:
    rng = random.Random(0)
    documents = [
        sp.Document(f"d{number}", " ".join(rng.choices(WORDS, k=rng.randint(1, 9))), rng.choice(WORDS))
        for number in range(120)
    ]
    with sp.build(documents, tmp_path_factory.mktemp("kb") / "kb") as opened:
        yield opened


class TestRocchio(RetrieverContract):
    @pytest.fixture
    def subject(self, index: sp.Index) -> Subject:
        return Subject(TermFeedback(index.bm25(k=20), rule="rocchio", k=3), QUERIES, 120)


class TestRm3(RetrieverContract):
    @pytest.fixture
    def subject(self, index: sp.Index) -> Subject:
        return Subject(TermFeedback(index.bm25(k=20), k=3), QUERIES, 120)


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[sp.Index]:
    """Two notes speak of a dam, the first more than the second."""
    texts = [
        "the dam dam holds turbines turbines and x supercalifragilisticexpialidocious",
        "dam sheep grass cattle meadow trees flowers",
        "a hill",
    ]
    others = [f"note number{n} of nothing" for n in range(30)]
    with sp.build([sp.Document(f"d{n}", text) for n, text in enumerate(texts + others)], tmp_path / "kb") as opened:
        yield opened


def test_terms_come_from_the_best_passages(notes: sp.Index) -> None:
    fed = TermFeedback(notes.bm25(), k=1, n_terms=2)
    [query] = fed.expanded([Query("q", "dam")])
    assert query.weights == {"dam": pytest.approx(0.75), "turbin": pytest.approx(0.25)}
    [rocchio] = TermFeedback(notes.bm25(), k=1, n_terms=9, rule="rocchio").expanded(["dam"])
    assert set(rocchio.weights or {}) == {"dam", "hold", "turbin"}
    assert (fed.name, fed.depth, fed.passages) == ("bm25+rm3", 1000, notes.passages)


def test_common_terms_are_not_taken_by_rm3(notes: sp.Index) -> None:
    [query] = TermFeedback(notes.bm25(), k=1, n_terms=9).expanded(["number7"])
    assert set(query.weights or {}) == {"number7"}
    [moved] = TermFeedback(notes.bm25(), k=1, n_terms=9, rule="rocchio").expanded(["number7"])
    assert set(moved.weights or {}) == {"number7", "note", "noth"}


def test_a_weight_of_1_is_plain_bm25(index: sp.Index) -> None:
    for rule in ("rm3", "rocchio"):
        fed = TermFeedback(index.bm25(), rule=rule, weight=1.0)  # type: ignore[arg-type]
        assert fed.search(QUERIES) == index.bm25().search(QUERIES)


def test_a_query_that_finds_nothing_stays(notes: sp.Index) -> None:
    fed = TermFeedback(notes.bm25())
    assert [query.weights for query in fed.expanded(["absent", ""])] == [None, None]
    assert [len(ranking) for ranking in fed.search(["absent", ""])] == [0, 0]


def test_weights_are_expanded_and_another_search_feeds(notes: sp.Index) -> None:
    [query] = TermFeedback(notes.bm25(), k=1, n_terms=1).expanded([Query("", "hill", weights={"dam": 4.0})])
    assert query.weights == {"dam": 4.0}
    first = WordCount(["?"])
    first.passages = notes.passages  # type: ignore[assignment]
    first.search = lambda queries, **options: notes.bm25().search(["turbines"] * len(queries), k=1)  # type: ignore
    [fed] = TermFeedback(notes.bm25(), first, k=1, n_terms=1, weight=0.2).expanded(["hill"])
    assert set(fed.weights or {}) == {"hill", "dam"}


def test_it_can_be_fused_by_calibration(notes: sp.Index) -> None:
    fused = calibrated(TermFeedback(notes.bm25(), k=1), notes.bm25())
    assert sorted(fused.search(["dam"])[0].ids.tolist()) == [0, 1]


def test_frequencies(notes: sp.Index) -> None:
    frequencies = TermFrequencies(notes.bm25())
    assert frequencies.of("Dams and hills, an absent dam") == {"dam": 2, "hill": 1, "absent": 0}
    assert frequencies.n_passages == 33
    terms = Counter(frequencies.of_terms(["note", "note"]))
    assert terms == {"note": 30}


def test_options(notes: sp.Index, index: sp.Index) -> None:
    for options in ({"k": 0}, {"n_terms": 0}, {"weight": 2.0}, {"rule": "bo1"}):
        with pytest.raises(InvalidInput):
            TermFeedback(notes.bm25(), **options)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="another index"):
        TermFeedback(notes.bm25(), index.bm25())
