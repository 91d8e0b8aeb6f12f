"""One query with its passages, played by a schedule against a judge."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Passage, Query

from .asking import BothOrders, Shown, asking_for, number_of
from .budget import Budget
from .judges.base import Call, Judge, Said
from .play import Play
from .questions import Outcome
from .schedules.base import Schedule
from .whole import check_whole

__all__ = ["Game", "Job", "OnFailure", "Rules"]

OnFailure: TypeAlias = Literal["neutral", "raise"]

_NO_BUDGET = Budget()


@dataclass(frozen=True, slots=True)
class Job:
    """A query, and its passages in the order of the first stage."""

    query: Query
    passages: Sequence[Passage]


@dataclass(frozen=True, slots=True)
class Rules:
    """What is the same for every query: see `driver.drive`."""

    judge: Judge
    schedule: Schedule
    top: int = 10
    both_orders: BothOrders | None = None
    budget: Budget = _NO_BUDGET
    seed: int = 0
    on_failure: OnFailure = "neutral"
    retries: int = 0
    keep_log: bool = False

    def __post_init__(self) -> None:
        for wanted, given, kind in (("judge", self.judge, Judge), ("budget", self.budget, Budget)):
            if not isinstance(given, kind):
                raise InvalidInput("rerank", f"{wanted} is {type(given).__name__}; it must be a {kind.__name__}")
        if not self.judge.can(self.schedule.asks):
            able = ", ".join(sorted(self.judge.kinds)) or "nothing"
            raise InvalidInput(
                f"schedule {self.schedule.name}",
                f"asks {self.schedule.asks!r}, which the judge {self.judge.name} cannot answer (it can: {able})",
                hint="choose another schedule or judge",
            )
        check_whole("rerank", "top", self.top, least=1)
        check_whole("rerank", "retries", self.retries, least=0)
        check_whole("rerank", "seed", self.seed)
        for name, value, known in (
            ("both_orders", self.shown, ("both", "random", "given")),
            ("on_failure", self.on_failure, ("neutral", "raise")),
        ):
            if value not in known:
                raise InvalidInput("rerank", f"{name} is {value!r}; it must be one of {', '.join(known)}")

    @property
    def shown(self) -> BothOrders:
        """How pairs are shown: as asked for, as the schedule is meant, or both ways."""
        meant: BothOrders = getattr(self.schedule, "both_orders", "both")
        return self.both_orders or meant


class Game:
    """A job under way. Whoever runs it makes the calls of `play.todo` and hands their answers to `take`.

    What comes out depends on rules, query and passages alone: all that is random follows from the seed and the query's
    text (its id, where it has no text).
    """

    def __init__(self, job: Job, rules: Rules) -> None:
        self.job, self.rules = job, rules
        judge, schedule = rules.judge, rules.schedule
        by_scores = schedule.asks not in judge.kinds
        self._seed = number_of(f"{rules.seed} {job.query.text or job.query.id}")
        asking = asking_for(
            schedule.asks,
            by_scores=by_scores,
            symmetric=judge.symmetric,
            both_orders=rules.shown,
            key=str(self._seed),
        )
        self.play = Play(
            schedule,
            len(job.passages),
            asking,
            "score" if by_scores else schedule.asks,
            rules.budget,
            lambda calls: judge.estimate([self.call(shown) for shown in calls]),
            rules.keep_log,
        )
        self._again: list[Shown] = []
        self._tries: Counter[Shown] = Counter()

    def begin(self) -> None:
        """Ask for the first round; without a text that the judge could go by, all stays as it is."""
        if self.rules.judge.wants_text and not self.job.query.text.strip():
            self.play.outcome = Outcome(tuple(range(len(self.job.passages))))
            return
        self.play.begin(top=self.rules.top, seed=self._seed)

    @property
    def over(self) -> bool:
        """Whether there is an outcome."""
        return self.play.outcome is not None

    @property
    def asks(self) -> bool:
        """Whether there are calls that nobody was handed yet."""
        return bool(self.play.todo or self._again)

    def new_calls(self) -> list[Shown]:
        """The calls of a round that has just begun, and those to make once more; each is handed out once."""
        calls = self.play.todo + self._again
        self.play.todo, self._again = [], []
        return calls

    def call(self, shown: Shown) -> Call:
        """What the judge gets to see."""
        docs, top = shown
        return Call(self.job.query, tuple([self.job.passages[doc] for doc in docs]), top)

    def take(self, shown: Shown, said: Said) -> None:
        """What the judge said; if nothing, the call is made again as often as the rules and the budget allow.

        Raises:
            ModelError: nothing for good, and the rules do not pass over that.
        """
        trace, answer = self.play.trace, said.answer
        trace.model_calls += said.model_calls
        trace.tokens += said.tokens
        trace.charged += said.charged
        trace.truncated += said.truncated
        trace.repaired += said.repaired
        if answer is None and self._may_retry(shown):
            self._tries[shown] += 1
            self.play.count(shown)
            trace.retried += 1
            self._again.append(shown)
            return
        if answer is None and self.rules.on_failure == "raise":
            query = self.job.query.id or self.job.query.text
            names = ", ".join(repr(self.job.passages[doc].id) for doc in shown[0][:3])
            raise ModelError(f"{self.rules.judge.name} gave no answer for query {query!r} and {names}")
        if isinstance(answer, tuple):
            answer = tuple([shown[0][place] for place in answer])
        self.play.take(shown, answer)

    def _may_retry(self, shown: Shown) -> bool:
        if self._tries[shown] >= self.rules.retries:
            return False
        budget, trace = self.rules.budget, self.play.trace
        # The calls of the round that are still out have been paid for.
        calls_left = budget.calls is None or trace.calls + self.play.waiting < budget.calls
        return calls_left and (budget.tokens is None or trace.charged < budget.tokens)
