"""Policies fitted to judged queries: what they find in known worlds, their files, what they refuse."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.cut_worlds import World, world
from contracts.cutoff import CutoffContract, ranked
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.conformal import ConformalCut
from spaniel.retrieval.policies.cumulative_scores import CumulativeThreshold
from spaniel.retrieval.policies.fitted import FittedPolicy
from spaniel.retrieval.policies.fitting import fit_calibration, judged_scores
from spaniel.retrieval.policies.judged import first_relevant_ranks, judged_places
from spaniel.retrieval.policies.ordinal import OrdinalCutoff
from spaniel.retrieval.policies.place_features import PLACE_FEATURES, place_features
from spaniel.retrieval.policies.priced import PricedCut, priced_k
from spaniel.retrieval.policies.score_calibration import Calibration
from spaniel.retrieval.protocols import CutoffPolicy

FIT, HELD_OUT = world(300, seed=1), world(300, seed=2)
RANKS = first_relevant_ranks(FIT.rankings, FIT.judgements)
JUDGED = judged_scores(FIT.rankings, FIT.judgements)
CALIBRATION = fit_calibration(JUDGED.scores, JUDGED.relevant, queries=JUDGED.queries, within=True)
PRICED = PricedCut.fit(FIT.rankings, FIT.judgements, mean_k=5, note="a world")
POLICIES: dict[str, FittedPolicy] = {
    "priced": PRICED,
    "priced, bounds": replace(PRICED, min_k=0, max_k=4),
    "ordinal": OrdinalCutoff.fit(FIT.rankings, RANKS, buffer=1),
    "cumulative-scores": CumulativeThreshold.fit(FIT.rankings, RANKS, coverage=0.8),
    "conformal": ConformalCut.fit(FIT.rankings, FIT.judgements, alpha=0.2),
    "conformal, priced": ConformalCut.fit(FIT.rankings, FIT.judgements, alpha=0.2, priced=PRICED),
    "conformal, calibrated": ConformalCut.fit(FIT.rankings, FIT.judgements, loss="miss", calibration=CALIBRATION),
}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES, indirect=True)
class TestPolicies(CutoffContract):
    """The common suite."""


def recalls(policy: CutoffPolicy, of: World) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The share of each query's relevant passages that is kept."""
    return np.array(
        [
            sum(id_ in grades for id_ in ranking.ids[: policy.cut("q", ranking)].tolist()) / len(grades)
            for ranking, grades in zip(of.rankings, of.judgements, strict=True)
        ]
    )


def mean_k(policy: CutoffPolicy, of: World) -> float:
    return float(np.mean([policy.cut("q", ranking) for ranking in of.rankings]))


def test_the_price_spends_the_budget() -> None:
    assert 4.5 < mean_k(PRICED, FIT) <= 5
    assert PRICED.mean_k == mean_k(PRICED, FIT)
    assert PRICED.recall == pytest.approx(recalls(PRICED, FIT).mean())


def test_one_price_finds_more_than_one_k() -> None:
    spent = mean_k(PRICED, HELD_OUT)
    fixed = [np.mean([_found(HELD_OUT, i, k) for i in range(300)]) for k in (int(spent), int(spent) + 1)]
    even = np.interp(spent, [int(spent), int(spent) + 1], fixed)
    assert recalls(PRICED, HELD_OUT).mean() > even + 0.02


def _found(of: World, query: int, k: int) -> float:
    grades = of.judgements[query]
    return sum(id_ in grades for id_ in of.rankings[query].ids[:k].tolist()) / len(grades)


def test_the_price_of_a_recall() -> None:
    policy = PricedCut.fit(FIT.rankings, FIT.judgements, recall=0.7)
    assert policy.recall is not None and 0.7 <= policy.recall < 0.72
    with pytest.raises(InvalidInput, match="these rankings hold"):
        PricedCut.fit(FIT.rankings, FIT.judgements, recall=0.99)


def test_a_higher_price_keeps_less() -> None:
    kept = [mean_k(PRICED.at(price), HELD_OUT) for price in (0.0, 0.005, 0.02, 0.1, 1.0)]
    assert kept == sorted(kept, reverse=True) and kept[0] > 40 and kept[-1] == 1
    assert PricedCut.fit(FIT.rankings, FIT.judgements, price=PRICED.price).weights == PRICED.weights


@given(st.lists(st.integers(0, 16), min_size=1, max_size=20), st.integers(0, 16))
def test_priced_k_is_the_best_head(worths: list[int], price: int) -> None:
    values = [sum(each - price for each in worths[:k]) / 16 for k in range(len(worths) + 1)]
    assert priced_k(np.array(worths) / 16, price / 16) == values.index(max(values))


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30), st.integers(-100, 100), st.sampled_from([0.25, 4.0]))
def test_shift_and_scale_change_no_feature(whole: list[int], shift: int, scale: float) -> None:
    scores = np.sort(np.array(whole, float))[::-1]
    features = place_features(scores)
    assert features.shape == (len(whole), len(PLACE_FEATURES)) and np.isfinite(features).all()
    assert np.allclose(features, place_features(scale * scores + shift), atol=1e-9)


def test_ordinal_reads_further_where_the_first_relevant_passage_stands_lower() -> None:
    policy = OrdinalCutoff.fit(FIT.rankings, RANKS)
    pairs = zip(HELD_OUT.rankings, first_relevant_ranks(HELD_OUT.rankings, HELD_OUT.judgements), strict=True)
    found = [(policy.cut("q", ranking), rank) for ranking, rank in pairs if rank]
    assert np.corrcoef(np.array(found).T)[0, 1] > 0.1
    heavy = OrdinalCutoff.fit(FIT.rankings, RANKS, asymmetry=20.0)
    assert mean_k(heavy, HELD_OUT) > mean_k(policy, HELD_OUT)
    more = replace(policy, buffer=3)
    assert more.cut("q", FIT.rankings[0]) == policy.cut("q", FIT.rankings[0]) + 3


def test_theta_covers_what_was_asked_for() -> None:
    for coverage in (0.5, 0.8, 1.0):
        policy = CumulativeThreshold.fit(FIT.rankings, RANKS, coverage=coverage)
        kept = [policy.cut("q", r) >= rank for r, rank in zip(FIT.rankings, RANKS, strict=True) if rank]
        at_the_top = np.mean([rank == 1 for rank in RANKS if rank])  # kept by any theta
        assert coverage <= np.mean(kept) < max(coverage, at_the_top) + 0.02


def risk(policy: ConformalCut, of: World) -> list[float]:
    """The loss of each query."""
    losses = []
    for ranking, grades in zip(of.rankings, of.judgements, strict=True):
        found = [id_ in grades for id_ in ranking.ids[: policy.window].tolist()]
        kept, there = sum(found[: policy.cut("q", ranking)]), sum(found)
        losses.append(0.0 if not there else float(kept == 0) if policy.loss == "miss" else 1 - kept / there)
    return losses


@pytest.mark.parametrize("loss", ["share", "miss"])
@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_the_guarantee_holds_over_draws(loss: Any, alpha: float) -> None:
    """The mean over draws of 60 queries to fit on and others to try is at most alpha, and not far below."""
    losses = []
    for seed in range(60):
        fit, tried = world(60, seed=1000 + seed, depth=30), world(40, seed=5000 + seed, depth=30)
        policy = ConformalCut.fit(fit.rankings, fit.judgements, alpha=alpha, loss=loss, min_k=0)
        losses.append(np.mean(risk(policy, tried)))
    _near(losses, alpha)


def _near(losses: list[Any], alpha: float) -> None:
    error = np.std(losses) / np.sqrt(len(losses))
    assert np.mean(losses) <= alpha + 2.6 * error
    assert np.mean(losses) >= alpha - 2 / 61 - 2.6 * error


BY_HAND = [2.0 if name == "log_share" else 0.0 for name in PLACE_FEATURES]
SOURCES: dict[str, dict[str, Any]] = {
    "standing": {"calibration": Calibration(0.0, 0.0, 1.0)},
    "standing, depth": {"calibration": Calibration(0.5, 0.0, 1.0, depth=25)},
    "priced": {"priced": PRICED},
    "share": {"priced": PricedCut(0.02, (*BY_HAND, 0.0))},
}
"""Values that are made of more passages than a window of 8."""


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_guarantee_holds_whatever_the_values_are_made_of(source: Any) -> None:
    losses = []
    for seed in range(40):
        fit, tried = world(60, seed=2000 + seed, depth=30), world(40, seed=7000 + seed, depth=30)
        policy = ConformalCut.fit(fit.rankings, fit.judgements, alpha=0.2, window=8, min_k=0, **source)
        assert policy.risk == pytest.approx(np.mean(risk(policy, fit)))
        losses.append(np.mean(risk(policy, tried)))
    _near(losses, 0.2)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_level_is_the_highest_that_the_theorem_allows(seed: int) -> None:
    fit = world(25, seed=seed, depth=15)
    policy = ConformalCut.fit(fit.rankings, fit.judgements, alpha=0.2, min_k=0)
    assert policy.risk == pytest.approx(np.mean(risk(policy, fit)))
    assert (25 * float(policy.risk or 0) + 1) / 26 <= 0.2 + 1e-9
    values = sorted({score for ranking in fit.rankings for _, score in ranking})
    higher = [value for value in values if policy.level is not None and value > policy.level]
    if higher:
        assert (sum(risk(replace(policy, level=higher[0]), fit)) + 1) / 26 > 0.2 or higher[0] not in _relevant(fit)


def _relevant(fit: World) -> set[float]:
    pairs = zip(fit.rankings, fit.judgements, strict=True)
    return {score for ranking, grades in pairs for id_, score in ranking if id_ in grades}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_files(policy: FittedPolicy, tmp_path: Path) -> None:
    policy.save(tmp_path / "policy.json")
    assert type(policy).read(tmp_path / "policy.json") == policy


def test_files_that_are_none(tmp_path: Path) -> None:
    good = PRICED.to_json()
    bad: list[object] = [
        [],
        {},
        good | {"policy": "ordinal"},
        good | {"version": 2},
        good | {"weights": [1.0]},
        good | {"weights": "many"},
        good | {"price": 2.0},
        good | {"reads": 1},
        good | {"min_k": -1},
        {key: value for key, value in good.items() if key != "price"},
        good | {"weights": [float("nan"), *list(PRICED.weights)[1:]]},
    ]
    for place, value in enumerate(bad):
        file = tmp_path / f"{place}.json"
        file.write_text(json.dumps(value))
        with pytest.raises(InvalidInput, match=f"{place}.json"):
            PricedCut.read(file)
    (tmp_path / "torn.json").write_text(json.dumps(good)[:-9])
    for name in ("torn.json", "missing.json"):
        with pytest.raises(InvalidInput, match=name):
            PricedCut.read(tmp_path / name)


def test_queries_without_anything_relevant_take_no_part() -> None:
    judged = judged_places("x", [ranked([2.0, 1.5]), ranked([3.0]), ranked([])], [{1: 1, -1: 1}, {5: 0}, {2: 1}])
    assert judged.n_relevant.tolist() == [2]
    assert [each.tolist() for each in judged.relevant] == [[False, True]]


@pytest.mark.parametrize(
    "make",
    [
        lambda: PricedCut.fit(FIT.rankings, FIT.judgements),
        lambda: PricedCut.fit(FIT.rankings, FIT.judgements, price=0.1, mean_k=3),
        lambda: PricedCut.fit(FIT.rankings, FIT.judgements[1:], price=0.1),
        lambda: PricedCut.fit(FIT.rankings, FIT.judgements, mean_k=0.5),
        lambda: PricedCut.fit(FIT.rankings, FIT.judgements, mean_k=float("nan")),
        lambda: PricedCut.fit(FIT.rankings, FIT.judgements, recall=float("nan")),
        lambda: PricedCut.fit(FIT.rankings, [{} for _ in FIT.rankings], price=0.1),
        lambda: OrdinalCutoff.fit(FIT.rankings, [None] * 300),
        lambda: OrdinalCutoff.fit(FIT.rankings, RANKS[1:]),
        lambda: OrdinalCutoff.fit(FIT.rankings, RANKS, depth=1),
        lambda: OrdinalCutoff((1.0, 2.0)),
        lambda: OrdinalCutoff((1.0, 2.0, 3.0), buffer=-1),
        lambda: CumulativeThreshold.fit(FIT.rankings, RANKS, coverage=0.0),
        lambda: CumulativeThreshold(1.5),
        lambda: ConformalCut.fit(FIT.rankings, FIT.judgements, alpha=0.001),
        lambda: ConformalCut.fit([ranked([3.0, 2.0, 1.0])] * 20, [{2: 1}] * 20, window=2),
        lambda: ConformalCut.fit(FIT.rankings, FIT.judgements, loss="all"),  # type: ignore[arg-type]
        lambda: ConformalCut(1.0, 0.1, calibration=CALIBRATION, priced=PRICED),
        lambda: ConformalCut(1.0, 0.1, window=80, priced=PRICED),
        lambda: ConformalCut(float("nan"), 0.1),
    ],
)
def test_what_cannot_be_is_refused(make: Any) -> None:
    with pytest.raises(InvalidInput):
        make()
