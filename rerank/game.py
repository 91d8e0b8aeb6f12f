"""One query with its passages, played by a schedule against a judge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from spaniel.retrieval.errors import InvalidInput, ModelError
from spaniel.retrieval.types import Passage, Query

from .asking import BothOrders, Shown, asking_for, number_of
from .budget import Budget
from .judges.base import Call, Judge
from .play import Play
from .schedules.base import Schedule

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
    keep_log: bool = False

    def __post_init__(self) -> None:
        if not self.judge.can(self.schedule.asks):
            able = ", ".join(sorted(self.judge.kinds)) or "nothing"
            raise InvalidInput(
                f"schedule {self.schedule.name}",
                f"asks {self.schedule.asks!r}, which the judge {self.judge.name} cannot answer (it can: {able})",
                hint="choose another schedule or judge",
            )
        if self.top < 1:
            raise InvalidInput("rerank", f"top is {self.top}; it must be at least 1")
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

    def begin(self) -> None:
        """Ask for the first round."""
        self.play.begin(top=self.rules.top, seed=self._seed)

    @property
    def over(self) -> bool:
        """Whether there is an outcome."""
        return self.play.outcome is not None

    def new_calls(self) -> list[Shown]:
        """The calls of a round that has just begun; each is handed out once."""
        calls, self.play.todo = self.play.todo, []
        return calls

    def call(self, shown: Shown) -> Call:
        """What the judge gets to see."""
        docs, top = shown
        return Call(self.job.query, tuple([self.job.passages[doc] for doc in docs]), top)

    def take(self, shown: Shown, answer: float | tuple[int, ...] | None, tokens: int) -> None:
        """What the judge said.

        Raises:
            ModelError: nothing, and the rules do not pass over that.
        """
        if answer is None and self.rules.on_failure == "raise":
            query = self.job.query.id or self.job.query.text
            names = ", ".join(repr(self.job.passages[doc].id) for doc in shown[0][:3])
            raise ModelError(f"{self.rules.judge.name} gave no answer for query {query!r} and {names}")
        self.play.trace.tokens += tokens
        if isinstance(answer, tuple):
            answer = tuple([shown[0][place] for place in answer])
        self.play.take(shown, answer)
