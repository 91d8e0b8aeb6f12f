"""Cut anywhere, no schedule orders worse than the first stage does, on average and within noise.

`benchmarks/rerank_schedules.py` has the same sweep on real collections. Here: queries whose first stage is better than
chance and far from perfect, an oracle that errs, every schedule, every number of calls. All seeds are fixed.
"""

import numpy as np
import pytest

from spaniel.rerank.driver import run_schedule
from spaniel.rerank.judges.oracle import Noise, OracleView
from spaniel.rerank.questions import Answer, Order, Prefer, Question, Score
from spaniel.rerank.schedules.table import SCHEDULES, read_schedule

PAIRS, LISTS, QUERIES, TOP = 9, 20, 24, 5
SMALL = {
    "window": "window:window=8,step=4",
    "setwise-heap": "setwise-heap:size=4",
    "setwise-insertion": "setwise-insertion:size=4",
    "tdpart": "tdpart:window=8",
    "tourrank": "tourrank:group=8",
    "blitzrank": "blitzrank:size=6",
    "jointrank": "jointrank:size=6,replicas=3",
}


def grades(query: int, n: int) -> np.ndarray:
    """int (n,): 0 to 2, higher ones more likely at the first places."""
    draw = np.random.default_rng(query)
    return (draw.random(n) < 0.6 / np.sqrt(1 + np.arange(n))).astype(int) * draw.integers(1, 3, n)


def dcg(worth: np.ndarray) -> float:
    return float((worth[:TOP] / np.log2(np.arange(2, len(worth[:TOP]) + 2))).sum())


@pytest.mark.parametrize("name", SCHEDULES)
def test_cut_at_every_call_it_is_no_worse_than_the_first_stage(name: str) -> None:
    schedule = read_schedule(SMALL.get(name, name))
    n = PAIRS if schedule.asks == "prefer" else LISTS
    worths = [grades(query, n) for query in range(QUERIES)]
    views = [OracleView(str(q), [str(i) for i in range(n)], w, Noise(0.4, 0.1, 0.1), 0) for q, w in enumerate(worths)]
    judges = [answers(view) for view in views]
    budget, stopped = 0, True
    while stopped:
        gains, stopped = [], False
        for query, (judge, worth) in enumerate(zip(judges, worths, strict=True)):
            outcome, trace = run_schedule(schedule, n, judge, top=TOP, seed=query, budget_calls=budget)
            assert sorted(outcome.order) == list(range(n))
            assert trace.calls <= budget
            gains.append(dcg(worth[list(outcome.order)]) - dcg(worth))
            stopped |= bool(trace.stopped)
        error = np.std(gains, ddof=1) / np.sqrt(QUERIES)
        assert np.mean(gains) >= -2 * error - 1e-12, f"after {budget} calls"
        budget += 1
    assert np.mean(gains) > 0.1  # with all its calls, far better


def answers(view: OracleView):  # type: ignore[no-untyped-def]
    """The oracle's answers, as `run_schedule` wants them."""
    n = len(view.utilities)
    preferred = view.prefer(*np.divmod(np.arange(n * n), n)).reshape(n, n).tolist()

    def answer(question: Question) -> Answer:
        match question:
            case Score(doc):
                return float(view.score(np.array([doc]))[0])
            case Prefer(first, second):
                return float(preferred[first][second])
            case Order(docs, top):
                order = view.order(np.array([docs]))[0].tolist()
                return tuple(docs[i] for i in (order if top is None else [*order[:top], *sorted(order[top:])]))

    return answer
