"""What calls of language models cost: tokens, calls and money by model, and a budget that stops them.

Prices are the user's: they change, differ by contract, and a table of ours would be wrong. A call reserves the most
that it can cost before it is made and settles for what it did cost, so that calls side by side do not overrun a budget.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from math import isfinite
from threading import Lock

from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.types import JSON

__all__ = ["Entry", "Ledger", "Price", "Spent"]

_PER = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """Money for a million tokens read (`prompt`) and written (`answer`), in any currency, always the same one.

    Raises:
        InvalidInput: a price that is negative or not finite.
    """

    prompt: float
    answer: float

    def __post_init__(self) -> None:
        for name, value in (("prompt", self.prompt), ("answer", self.answer)):
            if not isfinite(value) or value < 0:
                raise InvalidInput("Price", f"{name} is {value}; it must be 0 or more, and finite")

    def of(self, prompt_tokens: int, answer_tokens: int) -> float:
        """What so many tokens cost.

        Example:
            >>> Price(prompt=0.5, answer=1.5).of(2000, 400)
            0.0016
        """
        return (self.prompt * prompt_tokens + self.answer * answer_tokens) / _PER


@dataclass(frozen=True, slots=True)
class Spent:
    """Totals of one model, or of all.

    Attributes:
        calls: that were answered.
        failed: that were not, or broke off.
        prompt_tokens, answer_tokens: read and written.
        estimated_calls: calls whose tokens the server did not tell; they were counted from the texts.
        money: for models that have a price.
    """

    calls: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    estimated_calls: int = 0
    money: float = 0.0

    def plus(self, other: "Spent") -> "Spent":
        """Both together."""
        mine, its = asdict(self), asdict(other)
        return Spent(**{name: mine[name] + its[name] for name in mine})


@dataclass(slots=True)
class Entry:
    """One call while it is made; filled in by whoever makes it, before the block of `Ledger.call` ends."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    estimated: bool = True
    answered: bool = False


class Ledger:
    """Totals over calls. Safe to call from several threads.

    Args:
        prices: model -> its price.
        max_money, max_tokens, max_calls: a call that could go beyond one of these is refused before it is made.

    Raises:
        InvalidInput: a limit below 0.

    Example:
        >>> ledger = Ledger({"small": Price(prompt=1.0, answer=2.0)}, max_money=0.01)
        >>> with ledger.call("small", 3000, 500) as entry:
        ...     entry.prompt_tokens, entry.answer_tokens, entry.answered = 2800, 100, True
        >>> ledger.total.money
        0.003
        >>> with ledger.call("small", 3000, 5000):
        ...     pass
        Traceback (most recent call last):
        spaniel.retrieval.errors.LimitExceeded: money of the ledger with this call is 0.016, the limit is 0.01
    """

    def __init__(
        self,
        prices: Mapping[str, Price] | None = None,
        *,
        max_money: float | None = None,
        max_tokens: int | None = None,
        max_calls: int | None = None,
    ) -> None:
        self._limits = {"money": max_money, "tokens": max_tokens, "calls": max_calls}
        for name, limit in self._limits.items():
            if limit is not None and not limit >= 0:
                raise InvalidInput(f"max_{name}", f"is {limit}; it must be 0 or more")
        self._prices = dict(prices or {})
        self._lock = Lock()
        self._spent: dict[str, Spent] = {}
        self._reserved: dict[int, Spent] = {}
        self._next = 0

    def cost_of(self, model: str, prompt_tokens: int, answer_tokens: int) -> float | None:
        """What a call costs; None for a model without a price."""
        price = self._prices.get(model)
        return None if price is None else price.of(prompt_tokens, answer_tokens)

    @contextmanager
    def call(self, model: str, prompt_tokens: int, answer_tokens: int) -> Iterator[Entry]:
        """A call that can cost so much at most; the block fills in the entry with what it did cost.

        Raises:
            LimitExceeded: it could go beyond a limit, what is under way taken at its most.
            InvalidInput: there is a limit of money, and the model has no price.
        """
        place = self._reserve(model, prompt_tokens, answer_tokens)
        entry = Entry()
        try:
            yield entry
        finally:
            self._settle(place, model, entry)

    @property
    def total(self) -> Spent:
        """Over all models."""
        total = Spent()
        for each in self.by_model.values():
            total = total.plus(each)
        return total

    @property
    def by_model(self) -> dict[str, Spent]:
        """Model -> its totals, in the order of their first calls."""
        with self._lock:
            return dict(self._spent)

    def to_json(self) -> dict[str, JSON]:
        """{"models": {name: totals}, "total": totals}."""
        models: dict[str, JSON] = {name: asdict(each) for name, each in self.by_model.items()}
        return {"models": models, "total": asdict(self.total)}

    def _reserve(self, model: str, prompt_tokens: int, answer_tokens: int) -> int:
        money = self.cost_of(model, prompt_tokens, answer_tokens)
        if money is None and self._limits["money"] is not None:
            raise InvalidInput("max_money", f"{model!r} has no price", f"give one: prices={{{model!r}: Price(...)}}")
        most = Spent(1, 0, prompt_tokens, answer_tokens, 0, money or 0.0)
        spent = Spent()
        with self._lock:
            for each in [*self._spent.values(), *self._reserved.values(), most]:
                spent = spent.plus(each)
            sums = {
                "money": spent.money,
                "tokens": spent.prompt_tokens + spent.answer_tokens,
                "calls": spent.calls + spent.failed,
            }
            for name, limit in self._limits.items():
                if limit is not None and sums[name] > limit:
                    raise LimitExceeded(f"{name} of the ledger with this call", round(sums[name], 9), limit)
            self._next += 1
            self._reserved[self._next] = most
            return self._next

    def _settle(self, place: int, model: str, entry: Entry) -> None:
        money = self.cost_of(model, entry.prompt_tokens, entry.answer_tokens) or 0.0
        cost = Spent(0, 1, entry.prompt_tokens, entry.answer_tokens, 0, money)
        if entry.answered:
            cost = replace(cost, calls=1, failed=0, estimated_calls=int(entry.estimated))
        with self._lock:
            del self._reserved[place]
            self._spent[model] = self._spent.get(model, Spent()).plus(cost)
