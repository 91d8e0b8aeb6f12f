"""Bandits in worlds whose law is known: how near they come to the oracle, how long a decision takes, what logs tell.

    python -m benchmarks.bandits [--parts worlds drift budget offpolicy speed] [--seeds 20] [--out DIR]

- worlds: every policy of the table in the worlds of `bandit_worlds.py`. By expected rewards, 0 is the best fixed arm
  and 1 the best arm of each round; in the flat world 0 is arms drawn evenly and 1 the best arm. Without context,
  policies cannot pass 0 in the other two. Means over seeds, with the standard error.
- drift: the flat world, whose best arm becomes the second worst halfway; the share of the best arm's gain over even
  draws in the second half.
- budget: tokens spent and quality under a mean budget, beside the best mixture of arms that keeps it.
- offpolicy: estimates of LinUCB's value from logs of 1,000 rounds of another policy: error, width and coverage over
  logs of worlds of their own.
- speed: microseconds of one decision and of learning one outcome, 4 arms, one thread.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.bandit_worlds import ARMS, COSTS, DIMENSION, WORLDS, World, played, world
from benchmarks.report import machine, markdown, write
from spaniel.retrieval.policies.bandits.budgeted import BudgetedBandit
from spaniel.retrieval.policies.bandits.table import POLICIES, make_policy
from spaniel.retrieval.policies.evaluation.estimators import Estimate, direct, doubly_robust, ips, snips
from spaniel.retrieval.policies.evaluation.rounds import LoggedRounds, target_probabilities

LOW: dict[str, Any] = {"low": -float(COSTS.max())}
POLICY_SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, LOW if name in ("exp3", "thompson-beta") else {}) for name in POLICIES},
    "ucb1 c=1.41": ("ucb1", {"c": 2**0.5}),
    "thompson deviation=0.5": ("thompson", {"deviation": 0.5}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rounds", type=int, nargs="+", default=[300, 3000])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    options = parser.parse_args()
    results, text = {}, ""
    for part in options.parts:
        head, rows = PARTS[part](options.seeds, options.rounds)
        table = f"\n### {part}\n\n" + markdown(head, rows)
        print(table, flush=True)
        text += table
        results[part] = {"head": head, "rows": rows}
    write(options.out / "bandits", {"machine": machine(), "results": results}, text)


def worlds(seeds: int, rounds: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    """A row for each world and number of rounds, a column for each policy."""
    rows = []
    for kind in WORLDS:
        for n in rounds:
            row = [f"{kind}, {n:,}"]
            for name, settings in POLICY_SETTINGS.values():
                row.append(
                    _mean(
                        [
                            made.score(played(make_policy(name, ARMS, DIMENSION, seed=seed, **settings), made))
                            for seed in range(seeds)
                            for made in [world(kind, n, seed)]
                        ]
                    )
                )
            rows.append(row)
    return ["world, rounds", *POLICY_SETTINGS], rows


def drift(seeds: int, rounds: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    """A row for each policy and way of forgetting."""
    n = max(rounds)
    rows = []
    for name in ("ucb1", "thompson", "exp3", "linucb"):
        for own in ({}, {"discount": 0.995}, {"window": 400}):
            if name == "exp3" and "window" in own:
                continue
            settings = {**POLICY_SETTINGS[name][1], **own}
            rows.append([name, *(f"{key} {value}" for key, value in own.items()), *[""] * (not own)])
            rows[-1].append(_mean([_after_turn(name, settings, n, seed) for seed in range(seeds)]))
    return ["policy", "forgets", f"second half of {n:,}"], rows


def _after_turn(name: str, settings: dict[str, Any], n: int, seed: int) -> float:
    made = world("flat", n, seed)
    turned = [2, 3, 0, 1]
    half = n // 2
    for values in (made.expected, made.rewards):
        values[half:] = values[half:, turned]
    arms = played(make_policy(name, ARMS, DIMENSION, seed=seed, **settings), made)
    return World(made.contexts[half:], made.expected[half:], made.rewards[half:]).score(arms[half:])


def budget(seeds: int, rounds: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    """A row for each budget: arms "small" (quality .5, 100 tokens) and "large" (.8, 800)."""
    n = max(rounds)
    rows = []
    for due in (200.0, 400.0, 600.0):
        spent, quality = [], []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            worth: dict[str, Any] = {"preferences": {"quality": 1.0, "tokens": 0.0}, "scales": {"tokens": 1000}}
            policy = BudgetedBandit(make_policy("thompson", ("small", "large"), seed=seed, **worth), {"tokens": due})
            right = 0.0
            for _ in range(n):
                decision = policy.choose()
                chance, tokens = (0.8, 800.0) if decision.arm == "large" else (0.5, 100.0)
                policy.learn(decision, {"quality": float(rng.random() < chance), "tokens": tokens})
                right += chance
            spent.append(policy.spent["tokens"] / n)
            quality.append(right / n)
        best = 0.5 + 0.3 * (due - 100) / 700
        rows.append([f"{due:.0f}", _mean(spent, ".0f"), _mean(quality), f"{best:.3f}"])
    return ["tokens a round", "spent", "quality", "best mixture within the budget"], rows


def offpolicy(seeds: int, rounds: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    """A row for each estimator; 10 logs for each seed."""
    estimators: list[Callable[..., Estimate]] = [ips, snips, direct, doubly_robust]
    errors: dict[str, list[float]] = {each.__name__: [] for each in estimators}
    widths: dict[str, list[float]] = {each.__name__: [] for each in estimators}
    for seed in range(10 * seeds):
        target_policy = make_policy("linucb", ARMS, DIMENSION, seed=seed)
        made = world("linear", 1500, seed)
        played(target_policy, World(made.contexts[:500], made.expected[:500], made.rewards[:500]))
        contexts, expected, rewards = made.contexts[500:], made.expected[500:], made.rewards[500:]
        log = _log_of(contexts, rewards, seed)
        target = target_probabilities(target_policy, contexts)
        value = float((target * expected).sum(axis=1).mean())
        for each in estimators:
            found = each(log, target)
            errors[each.__name__].append(found.value - value)
            widths[each.__name__].append((found.high - found.low) / 2)
    rows = []
    for name, missed in errors.items():
        covered = np.abs(missed) <= np.array(widths[name])
        root = float(np.sqrt(np.mean(np.square(missed))))
        rows.append(
            [name, _mean(missed, "+.4f"), f"{root:.4f}", f"{np.mean(widths[name]):.4f}", f"{covered.mean():.3f}"]
        )
    return ["estimator", "mean error", "root mean square error", "half width", "intervals that held"], rows


def _log_of(contexts: NDArray[np.float64], rewards: NDArray[np.float64], seed: int) -> LoggedRounds:
    """A log of the policy that takes its favourite arm seven times of ten, and any arm otherwise."""
    rng = np.random.default_rng(seed + 1_000_000)
    shares = np.full(len(ARMS), 0.3 / len(ARMS))
    shares[1] += 0.7
    arms = rng.choice(len(ARMS), size=len(contexts), p=shares)
    earned = rewards[np.arange(len(arms)), arms]
    return LoggedRounds(ARMS, contexts, arms, earned, np.tile(shares, (len(arms), 1)))


def speed(seeds: int, rounds: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    """A row for each policy; after 500 rounds, which are not timed."""
    rows = []
    for name in POLICIES:
        row = [name]
        for dimension in (8, 32):
            policy = make_policy(name, ARMS, dimension, seed=1)
            contexts = np.random.default_rng(0).normal(size=(2500, dimension))
            chose, learned = np.empty(len(contexts)), np.empty(len(contexts))
            for place, x in enumerate(contexts):
                before = time.perf_counter()
                decision = policy.choose(x)
                between = time.perf_counter()
                policy.learn(decision, 0.5)
                chose[place], learned[place] = between - before, time.perf_counter() - between
            row += [
                f"{np.median(chose[500:]) * 1e6:.0f} / {np.quantile(chose[500:], 0.99) * 1e6:.0f}",
                f"{np.median(learned[500:]) * 1e6:.0f}",
            ]
        rows.append(row)
    return ["policy", "decide, d=8: p50 / p99 us", "learn us", "decide, d=32: p50 / p99 us", "learn us"], rows


def _mean(values: Sequence[float], form: str = "+.2f") -> str:
    """The mean and its standard error."""
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{np.mean(values):{form}} ± {error:{form.replace('+', '')}}"


PARTS: dict[str, Callable[[int, Sequence[int]], tuple[list[str], list[list[str]]]]] = {
    "worlds": worlds,
    "drift": drift,
    "budget": budget,
    "offpolicy": offpolicy,
    "speed": speed,
}

if __name__ == "__main__":
    main()
