"""Held-out policies of the benchmarks of routing: what is judged was not learned from, and intervals are by group."""

import numpy as np
import pytest

from benchmarks import replay, routing_learned
from benchmarks.replay import FOLDS, folds, gain, joined, learned
from benchmarks.routing_learned import beside_chance, table
from spaniel.eval.statistics import paired_difference


def test_groups_are_judged_whole() -> None:
    groups = np.random.default_rng(0).integers(0, 40, 300)
    parts = folds(groups, 1)
    assert len(parts) == FOLDS and sorted(np.concatenate(parts).tolist()) == list(range(300))
    assert sum(len(set(groups[part].tolist())) for part in parts) == len(set(groups.tolist()))
    assert max(map(len, parts)) < 60
    assert joined([["a", "b"], ["c"], ["b", "d"], ["c"], ["d"]]).tolist() == [0, 1, 0, 1, 0]


def test_intervals_are_those_of_groups() -> None:
    rng = np.random.default_rng(1)
    values, base = rng.normal(0.1, 1, 200), rng.normal(0, 1, 200)
    alone, known = gain(values, base, np.arange(200)), paired_difference(values, base, method="t")
    assert (alone.difference, alone.low, alone.high) == pytest.approx((known.difference, known.low, known.high))
    # Every question four times over says no more than once.
    four = gain(np.repeat(values, 4), np.repeat(base, 4), np.repeat(np.arange(200), 4))
    assert (four.low, four.high) == pytest.approx((alone.low, alone.high))


def test_what_can_be_learned_is_and_noise_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "REPEATS", 2)
    rng = np.random.default_rng(2)
    context = np.column_stack([np.ones(120), rng.choice([-1.0, 1.0], 120)])
    told = np.column_stack([context[:, 1] > 0, context[:, 1] < 0]).astype(float)
    groups = np.arange(120)
    costs = np.column_stack([np.ones(120), np.full(120, 3.0)])
    shares = learned(context, told, ("one", "several"), groups, costs=costs, prices=(0.0, 10.0))
    assert (shares[0] * told).sum(axis=1).mean() > 0.99
    assert shares[1][:, 0].min() == 1.0  # nothing is worth so much
    noise = rng.integers(0, 2, (120, 2)).astype(float)
    got = (learned(context, noise, ("one", "several"), groups)[0] * noise).sum(axis=1).mean()
    assert abs(got - noise.mean()) < 0.15  # a policy that had seen them would have .75


def test_a_coin_gains_nothing_over_itself(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "REPEATS", 1)
    monkeypatch.setattr(routing_learned, "CURVE", (10,))
    rng = np.random.default_rng(3)
    rewards = rng.integers(0, 2, (60, 2)).astype(float)
    searches = np.column_stack([np.ones(60), np.full(60, 4.0)])
    coin = np.tile([0.3, 0.7], (60, 1))
    over = beside_chance((coin * rewards).sum(axis=1), (coin * searches).sum(axis=1), rewards, searches)
    assert over == pytest.approx(np.zeros(60))
    table(rewards, searches, {"question": (np.ones((60, 1)), 1)}, np.arange(60), np.arange(60) % 2, ["a", "b"])
    said = capsys.readouterr().out
    assert all(row in said for row in ("always several", "perfect chooser", "question, price 0.01", "online"))
