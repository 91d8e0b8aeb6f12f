"""What a schedule is: a frozen dataclass of its parameters with one generator, `rounds`.

The dataclass's fields are its settings in Python, TOML and on the command line (`window:window=20,step=10`); `rounds`
asks (`questions.Rounds`) and knows nothing of models, texts or budgets. All randomness comes from `seed`.
"""

from typing import ClassVar, Protocol, runtime_checkable

from spaniel.rerank.questions import Kind, Rounds

__all__ = ["Schedule"]


@runtime_checkable
class Schedule(Protocol):
    """A way to order passages by asking about them.

    Attributes:
        name: in the table of schedules (`schedules/table.py`), traces and options.
        asks: the one kind of question that it asks.

    One that is meant for pairs shown another way than both says so in a class variable `both_orders` (see
    `driver.drive`).
    """

    name: ClassVar[str]
    asks: ClassVar[Kind]

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """Ask about the passages 0 to n - 1, which the first stage has in this order.

        Args:
            n: how many there are; 0 and 1 ask nothing.
            top: how many firsts have to be right, 1 to n; what the method leaves alone keeps the order it has. A
                setting of its own that says otherwise, such as a number of passes, comes first.
            seed: of all that is random.
        """
        ...
