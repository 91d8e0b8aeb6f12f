import numpy as np
import pytest

from spaniel.rerank.judges.base import Call
from spaniel.rerank.judges.oracle import CALIBRATED, Noise, OracleJudge, OracleView, calibrated, settings_for
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Passage, Query

N = 60
IDS = [f"d{i}" for i in range(N)]
GRADES = {doc: i % 3 for i, doc in enumerate(IDS)}
NOISE = Noise(0.5, 0.3, 0.2)
QUERY = Query("q", "what?")
PASSAGES = [Passage(doc, doc, 0, 4, "text") for doc in IDS]


def view(noise: Noise = NOISE, *, seed: int = 0, query: str = "q") -> OracleView:
    return OracleView(query, IDS, [GRADES[doc] for doc in IDS], noise, seed)


def calls(lists: np.ndarray, top: int | None = None) -> list[Call]:
    return [Call(QUERY, tuple(PASSAGES[i] for i in places), top) for places in lists.tolist()]


PAIRS = np.array([(i, j) for i in range(N) for j in range(N) if i != j])


def test_without_noise_it_says_what_the_judgements_say() -> None:
    exact, first, second = view(Noise()), PAIRS[:, 0], PAIRS[:, 1]
    worth = np.array([GRADES[doc] for doc in IDS])
    np.testing.assert_array_equal(exact.prefer(first, second), 0.5 + 0.5 * np.sign(worth[first] - worth[second]))
    assert exact.order(np.array([[3, 1, 2, 4, 5]])).tolist() == [[2, 4, 1, 3, 0]]  # ties as shown


def test_the_judge_is_the_view_whatever_stands_beside_a_call() -> None:
    judge = OracleJudge({"q": GRADES}, NOISE)
    some = PAIRS[::37]
    together = list(judge.answer("prefer", calls(some)).answers)
    assert together == view().prefer(some[:, 0], some[:, 1]).tolist()
    assert together[::-1] == [judge.answer("prefer", [call]).answers[0] for call in reversed(calls(some))]
    lists = np.random.default_rng(0).permutation(N).reshape(6, 10)
    assert list(judge.answer("order", calls(lists)).answers) == [tuple(row) for row in view().order(lists).tolist()]
    assert list(judge.answer("score", calls(PAIRS[:5, :1])).answers) == view().score(PAIRS[:5, 0]).tolist()


def test_behind_the_top_an_order_is_as_shown() -> None:
    judge = OracleJudge({"q": GRADES}, NOISE)
    shown = np.arange(12)[None, :]
    whole, some = (judge.answer("order", calls(shown, top)).answers[0] for top in (None, 3))
    assert isinstance(whole, tuple)
    assert some == (*whole[:3], *sorted(whole[3:]))


def test_what_is_not_judged_is_worth_nothing() -> None:
    judge = OracleJudge({"q": {"d0": -1}})
    assert judge.answer("score", [Call(QUERY, (PASSAGES[0],)), Call(Query("?", ""), (PASSAGES[1],))]).answers == [0, 0]


def test_seed_query_and_passage_decide_the_noise() -> None:
    first, second = PAIRS[:, 0], PAIRS[:, 1]
    one = view().prefer(first, second)
    np.testing.assert_array_equal(one, view().prefer(first, second))
    assert (one != view(seed=1).prefer(first, second)).mean() > 0.1
    assert (one != view(query="r").prefer(first, second)).mean() > 0.1


def test_the_noises_have_the_scale_they_are_given() -> None:
    ids = [str(i) for i in range(20_000)]
    system = OracleView("q", ids, np.zeros(len(ids)), Noise(system=2.0), 0).utilities
    assert (system.mean(), system.std()) == (pytest.approx(0, abs=0.05), pytest.approx(2, abs=0.05))
    call = OracleView("q", ids, np.zeros(len(ids)), Noise(call=1.0, position=0.7), 0)
    a = np.arange(0, len(ids), 2)
    # A logistic difference: the one shown first wins with probability sigmoid(bias).
    assert call.prefer(a, a + 1).mean() == pytest.approx(1 / (1 + np.exp(-0.7)), abs=0.02)
    lists = np.arange(len(ids)).reshape(-1, 5)
    winner = call.order(lists)[:, 0]
    # Gumbel noise: the chances of coming first are a softmax of the bias, +0.35 to -0.35.
    chances = np.exp(0.7 * (0.5 - np.arange(5) / 4))
    np.testing.assert_allclose(np.bincount(winner) / len(lists), chances / chances.sum(), atol=0.03)


@pytest.mark.parametrize("collection", CALIBRATED)
@pytest.mark.parametrize(("setting", "flips"), [("strong", 0.10), ("realistic", 0.20), ("harsh", 0.30)])
def test_settings_flip_as_often_as_they_were_made_to(collection: str, setting: str, flips: float) -> None:
    """On grades as BM25's first 100 have them (benchmarks/rerank_oracle.py measures the collections themselves)."""
    grades = np.repeat([2, 1, 0], [0, 1, 99] if collection == "scifact" else [1, 6, 65])
    one, two = np.triu_indices(len(grades), 1)
    rates = []
    for seed in range(20):
        oracle = OracleView("q", [f"d{i}" for i in range(len(grades))], grades, calibrated(setting, collection), seed)
        rates.append((oracle.prefer(one, two) == oracle.prefer(two, one)).mean())
    assert np.mean(rates) == pytest.approx(flips, abs=0.012)


def test_without_noise_of_a_call_both_orders_are_one() -> None:
    assert OracleJudge({}, Noise(system=1.0)).symmetric
    assert not OracleJudge({}, Noise(position=0.1)).symmetric


@pytest.mark.parametrize("values", [{"system": -1.0}, {"call": float("nan")}, {"position": float("inf")}])
def test_noise_that_cannot_be(values: dict[str, float]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(values))):
        Noise(**values)


def test_settings_by_name() -> None:
    assert calibrated("exact", "scifact") == Noise()
    with pytest.raises(InvalidInput, match="realistic"):
        calibrated("real")
    with pytest.raises(InvalidInput, match="scifact"):
        calibrated("realistic", "trec")


def test_judgements_say_whose_settings_they_take() -> None:
    assert settings_for({"q": {"d": 1, "e": 0}, "r": {"d": -1}}) == "scifact"
    assert settings_for({"q": {"d": 1}, "r": {"d": 2}}) == "nfcorpus"
    assert settings_for({}) == settings_for({"q": {}}) == "scifact"
