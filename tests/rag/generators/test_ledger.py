"""Costs of calls: totals under threads, limits that hold before a call is made."""

from concurrent.futures import ThreadPoolExecutor
from math import inf, nan

import pytest

from spaniel.rag.generators.ledger import Ledger, Price, Spent
from spaniel.retrieval.errors import InvalidInput, LimitExceeded


def spend(ledger: Ledger, model: str = "m", prompt: int = 10, answer: int = 5, *, answered: bool = True) -> None:
    with ledger.call(model, prompt, answer) as entry:
        entry.prompt_tokens, entry.answer_tokens, entry.answered, entry.estimated = prompt, answer, answered, False


def test_totals_by_model() -> None:
    ledger = Ledger({"a": Price(prompt=2.0, answer=4.0)})
    spend(ledger, "a", 1000, 500)
    spend(ledger, "a", 100, 0, answered=False)
    spend(ledger, "b", 7, 1)
    assert ledger.by_model["a"] == Spent(1, 1, 1100, 500, 0, pytest.approx(0.0042))
    assert ledger.total == Spent(2, 1, 1107, 501, 0, pytest.approx(0.0042))
    told = ledger.to_json()
    assert told["total"] == {
        "calls": 2,
        "failed": 1,
        "prompt_tokens": 1107,
        "answer_tokens": 501,
        "estimated_calls": 0,
        "money": pytest.approx(0.0042),
    }
    assert ledger.cost_of("b", 1, 1) is None


def test_an_estimate_is_said_to_be_one() -> None:
    ledger = Ledger()
    with ledger.call("m", 10, 5) as entry:
        entry.prompt_tokens, entry.answered = 10, True
    assert ledger.total == Spent(1, 0, 10, 0, 1)


def test_a_call_that_fails_is_counted() -> None:
    ledger = Ledger(max_calls=2)
    with pytest.raises(RuntimeError), ledger.call("m", 10, 5):
        raise RuntimeError
    assert ledger.total == Spent(0, 1)
    spend(ledger)
    with pytest.raises(LimitExceeded, match="calls of the ledger with this call is 3, the limit is 2"):
        spend(ledger)


def test_what_is_under_way_counts_at_its_most() -> None:
    ledger = Ledger(max_tokens=30)
    with ledger.call("m", 10, 10) as entry:
        with pytest.raises(LimitExceeded, match="tokens"):
            spend(ledger, prompt=10, answer=5)
        entry.prompt_tokens = 10
    spend(ledger, prompt=10, answer=5)
    assert ledger.total.prompt_tokens + ledger.total.answer_tokens == 25


def test_limits_of_money_need_a_price() -> None:
    ledger = Ledger({"m": Price(prompt=1.0, answer=1.0)}, max_money=0.00002)
    spend(ledger)
    with pytest.raises(LimitExceeded, match="money"):
        spend(ledger)
    with pytest.raises(InvalidInput, match="'other' has no price"):
        spend(ledger, "other")


def test_threads_never_overrun_a_budget() -> None:
    ledger = Ledger(max_tokens=15 * 20)

    def tried(_: int) -> bool:
        try:
            spend(ledger)
        except LimitExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        done = sum(pool.map(tried, range(200)))
    assert done == ledger.total.calls == 20


@pytest.mark.parametrize("price", [(-1, 0), (0, inf), (nan, 0)])
def test_prices_that_are_none(price: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput, match="Price"):
        Price(*price)


def test_limits_that_are_none() -> None:
    with pytest.raises(InvalidInput, match="max_money"):
        Ledger(max_money=nan)
    with pytest.raises(InvalidInput, match="max_calls"):
        Ledger(max_calls=-1)
