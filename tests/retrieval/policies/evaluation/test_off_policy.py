"""Estimates of a policy from the log of another, in worlds where its value is known."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.log import DecisionLog, read_log
from spaniel.retrieval.policies.bandits.reward import Reward
from spaniel.retrieval.policies.bandits.table import make_policy
from spaniel.retrieval.policies.evaluation.estimators import Estimate, direct, doubly_robust, ips, snips
from spaniel.retrieval.policies.evaluation.replay import cross_validated, play, replay
from spaniel.retrieval.policies.evaluation.reward_model import predicted_rewards
from spaniel.retrieval.policies.evaluation.rounds import (
    LoggedRounds,
    known_rounds,
    logged_rounds,
    target_probabilities,
)

ARMS = ("a", "b", "c")
SLOPES = np.array([[0.3, 0.0, -0.3], [0.0, 0.2, 0.1]])


def sample(n: int, seed: int) -> tuple[LoggedRounds, NDArray[np.float64], float]:
    """(rounds of a log, a target's probabilities, the target's value in expectation over these contexts).

    The logging policy prefers the arm that the target avoids, so that plain means of the log are far off.
    """
    rng = np.random.default_rng(seed)
    contexts = rng.normal(size=(n, 2))
    expected = 0.5 + contexts @ SLOPES
    likes = np.exp(contexts @ SLOPES * 4)
    target = likes / likes.sum(axis=1, keepdims=True)
    logging = 0.9 * (1 / likes) / (1 / likes).sum(axis=1, keepdims=True) + 0.1 / 3
    played = np.array([rng.choice(3, p=row) for row in logging])
    rewards = expected[np.arange(n), played] + rng.normal(size=n) * 0.3
    rounds = LoggedRounds(ARMS, contexts, played, rewards, logging)
    return rounds, target, float((target * expected).sum(axis=1).mean())


ESTIMATORS: list[Callable[..., Estimate]] = [ips, snips, doubly_robust]


@pytest.fixture(scope="module")
def samples() -> list[tuple[LoggedRounds, NDArray[np.float64], float]]:
    return [sample(400, seed) for seed in range(120)]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_means_and_intervals_over_many_logs(estimator: Callable[..., Estimate], samples: Any) -> None:
    """The mean error is within four standard errors of 0, and intervals of 95 % hold about as often."""
    errors, covered = [], []
    for rounds, target, value in samples:
        found = estimator(rounds, target)
        errors.append(found.value - value)
        covered.append(found.low <= value <= found.high)
    allowed = 4 * np.std(errors) / np.sqrt(len(errors)) + (0.004 if estimator is snips else 0)
    assert abs(np.mean(errors)) < allowed
    assert np.mean(covered) > 0.85


def test_the_doubly_robust_estimate_is_the_narrowest(samples: Any) -> None:
    widths = {each.__name__: np.mean([_width(each(r, t)) for r, t, _ in samples[:20]]) for each in ESTIMATORS}
    assert widths["doubly_robust"] < widths["snips"] < widths["ips"]


def _width(found: Estimate) -> float:
    return found.high - found.low


def test_bootstrap_and_normal_intervals_agree(samples: Any) -> None:
    rounds, target, _ = samples[0]
    for each in ESTIMATORS:
        normal, bootstrap = each(rounds, target), each(rounds, target, interval="bootstrap")
        assert normal.value == bootstrap.value
        assert _width(bootstrap) == pytest.approx(_width(normal), rel=0.2)


def test_a_policy_judged_on_its_own_log_has_the_mean_of_the_log(samples: Any) -> None:
    rounds, _, _ = samples[0]
    for each in (ips, snips):
        found = each(rounds, rounds.probabilities)
        assert found.value == pytest.approx(rounds.rewards.mean())
        assert found.effective_n == pytest.approx(len(rounds))
        assert found.unsupported == 0


def test_what_a_log_says_nothing_of_is_told(samples: Any) -> None:
    rounds, _, _ = samples[0]
    never_c = LoggedRounds(
        ARMS, rounds.contexts, np.zeros(400, np.int64), rounds.rewards, np.tile([0.5, 0.5, 0], (400, 1))
    )
    assert ips(never_c, np.tile([0.2, 0.2, 0.6], (400, 1))).unsupported == pytest.approx(0.6)
    with pytest.raises(InvalidInput, match="no round that the policy would have played"):
        snips(never_c, np.tile([0.0, 0.0, 1.0], (400, 1)))


def test_clipped_weights_narrow(samples: Any) -> None:
    rounds, target, _ = samples[0]
    assert _width(ips(rounds, target, clip=2)) < _width(ips(rounds, target))
    assert ips(rounds, target, clip=2).effective_n > ips(rounds, target).effective_n


def test_the_model_finds_lines_and_holds_rounds_back(samples: Any) -> None:
    rounds, target, value = samples[0]
    predicted = predicted_rewards(rounds)
    assert np.abs(predicted - (0.5 + rounds.contexts @ SLOPES)).mean() < 0.08
    assert direct(rounds, target).value == pytest.approx(value, abs=0.08)
    moved = LoggedRounds(
        ARMS, rounds.contexts, rounds.played, np.where(np.arange(400) == 7, 99.0, rounds.rewards), rounds.probabilities
    )
    assert predicted_rewards(moved)[7] == pytest.approx(predicted[7])


def test_targets_that_are_none(samples: Any) -> None:
    rounds, target, _ = samples[0]
    for wrong in (target[:5], target * 2, -target, np.full_like(target, np.nan)):
        with pytest.raises(InvalidInput, match="target"):
            ips(rounds, wrong)
    with pytest.raises(InvalidInput, match="interval"):
        ips(rounds, target, confidence=1.0)
    impossible = LoggedRounds(ARMS, rounds.contexts, rounds.played, rounds.rewards, np.tile([0.0, 0.0, 1.0], (400, 1)))
    with pytest.raises(InvalidInput, match="probability 0"):
        ips(impossible, target)


def known(n: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    contexts = rng.normal(size=(n, 2))
    return known_rounds(ARMS, {"quality": 0.5 + contexts @ SLOPES, "tokens": np.tile([0.0, 10, 100], (n, 1))}, contexts)


def test_a_log_of_a_bandit_tells_of_other_policies(tmp_path: Path) -> None:
    """From decisions to lines, from lines to rounds, from rounds to the value of a policy that never served."""
    rounds = known(1500)
    worth = {"preferences": {"quality": 1.0, "tokens": 0.0}}
    logging = make_policy("epsilon-greedy", ARMS, epsilon=0.6, seed=1, **worth)
    with DecisionLog(tmp_path / "log.jsonl") as log:
        for row, x in enumerate(rounds.contexts):
            decision = logging.choose(x)
            metrics = rounds.outcome(row, ARMS.index(decision.arm))
            logging.learn(decision, metrics)
            log.append(decision, metrics)
        log.append(logging.choose(rounds.contexts[0]))
    logged = logged_rounds(read_log(tmp_path / "log.jsonl").entries, Reward({"quality": 1.0}))
    assert len(logged) == 1500 and logged.n_left_out == 1
    challenger = make_policy("linucb", ARMS, 2, seed=2, floor=0)
    play(challenger, known_rounds(ARMS, known(500, 9).metrics["quality"], known(500, 9).contexts))
    target = target_probabilities(challenger, logged.contexts)
    value = float((target * rounds.metrics["quality"]).sum(axis=1).mean())
    for estimator in ESTIMATORS:
        found = estimator(logged, target)
        assert found.low - 0.02 < value < found.high + 0.02
    assert doubly_robust(logged, target).value > logged.rewards.mean() + 0.05


def test_replay_of_an_even_log_is_what_would_have_happened() -> None:
    """Rounds kept are a fair sample: a fixed target's mean comes out, for even and, by thinning, other logs."""
    for shares in ([1 / 3, 1 / 3, 1 / 3], [0.2, 0.3, 0.5]):
        found = []
        for seed in range(5):
            rng = np.random.default_rng(seed)
            contexts = rng.normal(size=(900, 2))
            played = rng.choice(3, size=900, p=shares)
            rewards = (0.5 + contexts @ SLOPES)[np.arange(900), played]
            rounds = LoggedRounds(ARMS, contexts, played, rewards, np.tile(shares, (900, 1)))
            always_b = make_policy("thompson", ARMS, seed=seed, prior_deviation=1e-6)  # plays evenly, learns nothing
            found.append(replay(always_b, rounds, seed=seed))
        assert np.mean([len(each.rows) for each in found]) == pytest.approx(900 * min(shares), rel=0.15)
        assert np.mean([each.value for each in found]) == pytest.approx(0.5, abs=0.03)


def test_play_and_cross_validation_find_the_better_arms() -> None:
    rounds = known(600)
    rewards = rounds.rewards(Reward({"quality": 1.0}))
    made = play(make_policy("linucb", ARMS, 2, preferences={"quality": 1.0}), rounds)
    assert made.score > 0.8 and made.best < made.value < made.oracle
    told = cross_validated(
        lambda fold: make_policy("linucb", ARMS, 2, preferences={"quality": 1.0}, seed=fold, floor=0), rounds, folds=3
    )
    assert told.shape == (600, 3) and told.sum(axis=1) == pytest.approx(1)
    assert (told * rewards).sum(axis=1).mean() > made.best + 0.8 * (made.oracle - made.best)
    every = cross_validated(
        lambda fold: make_policy("linucb", ARMS, 2, preferences={"quality": 1.0}, alpha=0, floor=0),
        rounds,
        folds=3,
        full_information=True,
    )
    assert (every * rewards).sum(axis=1).mean() > 0.99 * made.oracle


def test_preferences_weigh_known_rounds() -> None:
    worth = Reward({"quality": 1.0, "tokens": 0.0}, scales={"tokens": 100})
    rounds = known(5)
    plain = rounds.rewards(worth)
    assert rounds.rewards(worth, {"quality": 1.0, "tokens": 1.0}) == pytest.approx(plain - [0.0, 0.1, 1.0])
    with pytest.raises(InvalidInput, match="'ms' is missing"):
        rounds.rewards(Reward({"ms": 1.0}))


@pytest.mark.parametrize(
    ("metrics", "contexts"),
    [([[1.0, 2.0]], None), ([[1.0, 2.0, float("nan")]], None), ([[1.0, 2.0, 3.0]], [[1.0], [2.0]]), ([], None)],
)
def test_what_are_no_rounds(metrics: Any, contexts: Any) -> None:
    with pytest.raises(InvalidInput):
        known_rounds(ARMS, metrics, contexts)


def test_logs_that_cannot_be_judged(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no decision has metrics"):
        logged_rounds([])
    with pytest.raises(InvalidInput, match="are of the arms"):
        play(make_policy("ucb1", ("x", "y")), known(3))
    with pytest.raises(InvalidInput, match="folds"):
        cross_validated(lambda fold: make_policy("ucb1", ARMS), known(3), folds=7)
