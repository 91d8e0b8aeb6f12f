"""Runs schedules against judges, for one query or many.

A query's questions pass through `play.py` (cache, budget, trace), `asking.py` (what of them the judge is shown) and,
for a real judge, `batched.py` or `by_themselves.py` (in which company). What comes out of a query does not depend on
the company, on the size of batches or on the number of threads, unless the budget is one of seconds.
"""

from collections.abc import Callable, Iterable, Iterator

from .asking import BothOrders, asking_for
from .batched import run_batched
from .budget import Budget
from .by_themselves import run_by_themselves
from .game import Game, Job, OnFailure, Rules
from .judges.base import Judge
from .play import Play
from .questions import Answer, Order, Outcome, Prefer, Question, Score
from .schedules.base import Schedule
from .trace import Trace
from .whole import check_whole

__all__ = ["Job", "drive", "run_schedule"]


def drive(
    jobs: Iterable[Job],
    judge: Judge,
    schedule: Schedule,
    *,
    top: int = 10,
    both_orders: BothOrders | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    concurrency: int | None = None,
    on_failure: OnFailure = "neutral",
    retries: int = 0,
    keep_log: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> list[tuple[Outcome, Trace]]:
    """Play a schedule for each query; an outcome and a trace for each, in the order of the jobs.

    Args:
        jobs: taken as they are needed, so that texts may be read late.
        top: how many firsts have to be right; more than a query has passages is all of them.
        both_orders: a pair is shown both ways ("both"; two calls), one way that its query, its passages and the seed
            decide ("random"), or as the schedule has it ("given"). None is what the schedule is meant for: "both",
            unless it has a `both_orders` of its own. Symmetric judges are asked once.
        budget: of each query.
        concurrency: calls under way at a time, of a judge that is `remote`; by default what the judge says.
        on_failure: a call without an answer counts as a half, as the order shown, or as a score behind all others
            ("neutral", counted in the trace), or is an error ("raise").
        retries: how often a call without an answer is made again first, within the budget. What a network loses, judges
            try again themselves; this is for what a judge says.
        keep_log: the trace gets every question with its answer.
        on_progress: told how many queries are done.

    Raises:
        InvalidInput: the judge cannot answer what the schedule asks, or a setting that makes no sense.
        ModelError: the judge fails as a whole, or a call has failed and `on_failure` is "raise".
    """
    rules = Rules(judge, schedule, top, both_orders, budget or Budget(), seed, on_failure, retries, keep_log)
    if concurrency is not None:
        check_whole("rerank", "concurrency", concurrency, least=1)
    results: list[tuple[Outcome, Trace] | None] = []
    place_of: dict[Game, int] = {}  # games under way; texts go when a game is over

    def games() -> Iterator[Game]:
        for job in jobs:
            game = Game(job, rules)
            place_of[game] = len(results)
            results.append(None)
            yield game

    def done(game: Game) -> None:
        assert game.play.outcome is not None
        results[place_of.pop(game)] = (game.play.outcome, game.play.trace)
        if on_progress is not None:
            on_progress(len(results) - len(place_of))

    if judge.remote:
        run_by_themselves(games(), rules, concurrency or judge.concurrency, done)
    else:
        run_batched(games(), rules, done)
    return [result for result in results if result is not None]


def run_schedule(
    schedule: Schedule,
    n: int,
    answer: Callable[[Question], Answer],
    *,
    top: int,
    seed: int = 0,
    budget_calls: int | None = None,
    both_orders: BothOrders = "both",
    keep_log: bool = False,
) -> tuple[Outcome, Trace]:
    """One query, answered by a function: for tests, simulations and judges of one's own.

    Args:
        answer: is given what the judge is shown, as a question: `Prefer(a, b)` for a shown before b (asked again as
            `Prefer(b, a)` under `both_orders="both"`), `Order(docs)` in the order shown.
        budget_calls: the schedule is cut there.

    Raises:
        SpanielError: the schedule asks what makes no sense, asks on after the end, or gives no order.
    """
    play = Play(
        schedule,
        n,
        asking_for(schedule.asks, by_scores=False, symmetric=False, both_orders=both_orders, key=str(seed)),
        schedule.asks,
        Budget(calls=budget_calls),
        keep_log=keep_log,
    )
    play.begin(top=top, seed=seed)
    while play.outcome is None:
        round_, play.todo = play.todo, []
        for docs, first in round_:
            play.take((docs, first), answer(_question(schedule, docs, first)))
    return play.outcome, play.trace


def _question(schedule: Schedule, docs: tuple[int, ...], top: int | None) -> Question:
    """What is shown, as a question."""
    if schedule.asks == "score":
        return Score(docs[0])
    return Prefer(docs[0], docs[1]) if schedule.asks == "prefer" else Order(docs, top)
