"""Set scorers, and the packers that ask them, against every set there is."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.rag.packing.base import Candidate
from spaniel.rag.packing.carrot import Carrot
from spaniel.rag.packing.coverage import Coverage
from spaniel.rag.packing.greedy import Greedy
from spaniel.rag.packing.judged_sets import JudgedSets
from spaniel.rag.packing.sets import SetScorer
from spaniel.rag.packing.vector_coverage import VectorCoverage
from spaniel.rerank.judges.base import Call, Judge, Judged
from spaniel.retrieval.errors import InvalidInput, ModelError
from tests.contracts.packer import QUESTION, PackerContract, candidates_of, sentences, words
from tests.contracts.toy_encoder import ToyEncoder


class Reads(Judge):
    """Scores a text by the question's words in it, less a tenth for each word; says nothing to "void"."""

    name = "reads"
    kinds = frozenset({"score"})

    def _score(self, calls: list[Call]) -> Judged:  # type: ignore[override]
        said = []
        for call in calls:
            held = call.passages[0].text.lower().replace(".", "").split()
            hits = len(set(held) & set(call.query.text.lower().rstrip("?").split()))
            said.append(None if "void" in held else hits - 0.1 * len(held) - 5.0)
        return Judged(said, [0] * len(calls))


JUDGED = JudgedSets(Reads())
SCORERS = [Coverage(), Coverage(redundancy=0.0, price=0.1, links=0.0), VectorCoverage(ToyEncoder()), JUDGED]


class TestGreedy(PackerContract):
    packer = Greedy()


class TestGreedyPerToken(PackerContract):
    packer = Greedy(Coverage(price=0.2, language="whitespace"), per_token=True, max_passages=2, order="edges")


class TestCarrot(PackerContract):
    packer = Carrot(iterations=8)


class TestCarrotOfFew(PackerContract):
    packer = Carrot(Coverage(redundancy=1.0), iterations=3, depth=3, max_passages=2, order="source")


def worth(scorer: SetScorer, candidates: list[Candidate], places: tuple[int, ...]) -> float:
    if not places:
        return 0.0
    value = scorer.of(QUESTION, candidates)
    value.grown((), range(len(candidates)))  # what a judge's scores are counted from
    return float(value.grown(places[:-1], places[-1:])[0])


TEXTS = st.lists(sentences().filter(bool), min_size=1, max_size=5)


@given(TEXTS, st.integers(0, len(SCORERS) - 1))
@settings(max_examples=40)
def test_a_batch_is_its_sets_and_order_matters_only_where_it_is_said(texts: list[str], which: int) -> None:
    scorer, candidates = SCORERS[which], candidates_of(texts)
    assert isinstance(scorer, SetScorer)
    n = len(texts)
    value = scorer.of(QUESTION, candidates)
    value.grown((), range(n))
    for size in range(min(n, 3)):
        for chosen in permutations(range(n), size):
            left = [place for place in range(n) if place not in chosen]
            together = value.grown(chosen, left)
            assert together.shape == (len(left),) and together.dtype == np.float64 and np.isfinite(together).all()
            for place, one in zip(left, together, strict=True):
                assert one == pytest.approx(worth(scorer, candidates, (*chosen, place)))
                if not scorer.ordered:
                    same = tuple(sorted((*chosen, place)))
                    assert one == pytest.approx(worth(scorer, candidates, same))


def test_coverage_by_hand() -> None:
    candidates = candidates_of(["red key", "red moat", "key"], [3.0, 2.0, 1.0])
    scorer = Coverage(relevance=2.0, coverage=3.0, redundancy=0.5, price=0.25, links=0.0, language="whitespace")
    idf = {"red": np.log(1 + 1.5 / 2.5), "key": np.log(1 + 1.5 / 2.5)}
    lengths = np.array([2.0, 3.0, 3.0 - 1 + 0])  # "Castle" is the title of the second and third
    lengths[2] = 2.0
    norm = 0.9 * (0.6 + 0.4 * lengths / lengths.mean())
    says = 1 / (1 + norm)
    weight = idf["red"] / (idf["red"] + idf["key"])
    red = 1 - (1 - says[0]) * (1 - says[1])
    value = scorer.of("red key", candidates)
    alone = float(value.grown((), [0])[0])
    assert alone == pytest.approx(2.0 * 1.0 - 0.25 + 3.0 * (weight * says[0] + (1 - weight) * says[0]))
    both = float(value.grown((0,), [1])[0])
    without = 2.0 * 1.5 - 0.5 + 3.0 * (weight * red + (1 - weight) * says[0])
    assert 0 < without - both < 0.5  # half of how alike they are


def best_by_hand(scorer: SetScorer, candidates: list[Candidate], budget: int, prices: list[int], most: int) -> float:
    """The worth of the best set or sequence that fits."""
    every = permutations if scorer.ordered else combinations
    found = 0.0
    for size in range(1, most + 1):
        for places in every(range(len(candidates)), size):
            if sum(prices[place] for place in places) <= budget:
                found = max(found, worth(scorer, candidates, places))
    return found


@given(TEXTS, st.integers(1, 25), st.sampled_from([Coverage(redundancy=0.8), JUDGED]))
@settings(max_examples=30)
def test_a_search_that_has_seen_everything_has_found_the_best(texts: list[str], budget: int, scorer: SetScorer) -> None:
    candidates = candidates_of(texts[:4])
    prices = [words(f"{each.passage.title} {each.passage.text}") for each in candidates]
    if scorer.ordered and min(prices) > budget:
        return
    packed = Carrot(scorer, iterations=500, exploration=2.0).pack(
        QUESTION, candidates, budget_tokens=budget, count=words
    )
    fitting = [each for each, price in zip(candidates, prices, strict=True) if price <= budget]
    if scorer.ordered:  # worths count from the worst candidate that fits
        assert packed.numbers["worth"] == pytest.approx(
            best_by_hand(scorer, fitting, budget, [p for p in prices if p <= budget], len(fitting))
        )
    else:
        assert packed.numbers["worth"] == pytest.approx(best_by_hand(scorer, candidates, budget, prices, 4))


@given(TEXTS, st.integers(1, 25), st.sampled_from(SCORERS))
@settings(max_examples=40)
def test_a_search_is_never_worse_than_greedy(texts: list[str], budget: int, scorer: SetScorer) -> None:
    candidates = candidates_of(texts)
    greedy = Greedy(scorer).pack(QUESTION, candidates, budget_tokens=budget, count=words)
    searched = Carrot(scorer, iterations=len(texts) + 1).pack(QUESTION, candidates, budget_tokens=budget, count=words)
    assert searched.numbers["worth"] >= greedy.numbers["worth"] - 1e-9  # type: ignore[operator]


def test_greedy_stops_when_nothing_is_gained() -> None:
    candidates = candidates_of(["red key castle"] * 5, [1.0] * 5)
    twice = Greedy(Coverage(relevance=0.0, redundancy=1.0)).pack(QUESTION, candidates, budget_tokens=50, count=words)
    assert len(twice.excerpts) == 1 and twice.tokens < 50
    all_of_it = Greedy(Coverage(redundancy=0.0)).pack(QUESTION, candidates, budget_tokens=50, count=words)
    assert len(all_of_it.excerpts) == 5
    none = Greedy(min_gain=100.0).pack(QUESTION, candidates, budget_tokens=50, count=words)
    assert none.excerpts == ()


def test_per_token_prefers_the_short() -> None:
    candidates = candidates_of(["the red key and a moat and a moat and a moat", "red key"], [1.0, 0.9])
    long = Greedy(Coverage(relevance=0.0)).pack("red key moat", candidates, budget_tokens=12, count=words)
    short = Greedy(Coverage(relevance=0.0), per_token=True).pack(
        "red key moat", candidates, budget_tokens=12, count=words
    )
    assert [each.passage.id for each in long.excerpts] == ["p0"]
    assert [each.passage.id for each in short.excerpts] == ["p1"]


def test_an_ordered_scorer_decides_the_order() -> None:
    class Last(Reads):
        def _score(self, calls: list[Call]) -> Judged:  # type: ignore[override]
            return Judged([float(call.passages[0].text.endswith("first")) for call in calls], [0] * len(calls))

    candidates = candidates_of(["first", "second"])
    packed = Carrot(JudgedSets(Last(), price=-0.5)).pack("", candidates, budget_tokens=9, count=words)
    assert [each.text for each in packed.excerpts] == ["second", "first"]


def test_a_judge_that_cannot_or_does_not() -> None:
    with pytest.raises(InvalidInput, match="judge: orders cannot score"):
        judge = Reads()
        judge.name, judge.kinds = "orders", frozenset({"order"})
        JudgedSets(judge)
    with pytest.raises(ModelError, match="reads gave no score to a set of 1 passages"):
        Greedy(JUDGED).pack("", candidates_of(["void"]), budget_tokens=9, count=words)


def test_settings_that_cannot_be() -> None:
    for make, said in (
        (lambda: Greedy(min_gain=float("nan")), "min_gain is nan"),
        (lambda: Carrot(iterations=0), "iterations is 0; it must be at least 1"),
        (lambda: Carrot(exploration=-1.0), "exploration is -1.0"),
        (lambda: Coverage(price=-1.0), "price is -1.0"),
        (lambda: VectorCoverage(ToyEncoder(), coverage=-1.0), "coverage is -1.0"),
    ):
        with pytest.raises(InvalidInput, match=said):
            make()
