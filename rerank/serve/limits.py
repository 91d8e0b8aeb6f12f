"""How much the engine takes on.

Tokens are the measure of work: a pair of 400 tokens costs what forty of 10 do. Documents and requests are bounded
besides, because memory for them is needed before anything is known of their tokens.
"""

from dataclasses import dataclass, fields
from typing import Any

from spaniel.retrieval.errors import InvalidInput, LimitExceeded

__all__ = ["Limits"]

_LARGEST = 1 << 40
_SHORTEST = 8  # tokens of a pair: bounds the pairs of a batch
_GPU = {"batch_tokens": 1 << 14, "share_tokens": 1 << 16, "queue_tokens": 1 << 22}  # not measured


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request, of a batch, and of what waits. The defaults are for a CPU.

    Attributes:
        documents: of a request.
        batch_tokens: of one run of the model, padding included; a longer pair runs alone. 256 and 512 were the fastest
            on two cores, 2,048 took twice as long (docs/serving-inside.md).
        window: how far behind the most urgent pair a batch may look for pairs of its length, in batches.
        share_tokens: what a request is given before another one's turn (`scheduler.py`).
        queue_tokens: that may go before a request (`admission.py`).
        queue_requests: waiting or running.
        timeout_s: a request without a deadline is scheduled as if it had this one.
    """

    documents: int = 1000
    batch_tokens: int = 512
    window: int = 64
    share_tokens: int = 4096
    queue_tokens: int = 1 << 17
    queue_requests: int = 512
    timeout_s: float = 60.0

    @classmethod
    def on(cls, provider: str, **given: Any) -> "Limits":
        """What fits where the model runs, but for what is given."""
        return cls(**({} if provider == "cpu" else _GPU) | given)

    @property
    def batch_pairs(self) -> int:
        """Of one run of the model."""
        return max(1, self.batch_tokens // _SHORTEST)

    @property
    def window_tokens(self) -> int:
        """That are looked at for a batch."""
        return self.window * self.batch_tokens

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = type(value) is int if field.name != "timeout_s" else type(value) in (int, float)
            if not whole or not 0 < value <= _LARGEST:
                raise InvalidInput(field.name, f"{value!r} must be a number above 0 and at most {_LARGEST}")

    def check(self, n_documents: int) -> None:
        """Raises:
        LimitExceeded: more documents than one request may have.
        """
        if n_documents > self.documents:
            error = LimitExceeded("documents", n_documents, self.documents)
            error.hint = "send them in several requests"
            raise error
