"""What the engine says to a request that it does not answer.

    SpanielError
    └── Refused
        ├── Busy(reason, retry_after_s)     too much waits already: 429 with Retry-After
        ├── NotReady(state)                 loading, draining or failed: 503
        └── DeadlineExceeded(waited_s)      accepted, but not done in time: 504

Beside these a request meets `LimitExceeded` (too many or too long documents) and `ModelError` (the model failed).
"""

from typing import Literal

from spaniel.retrieval.errors import SpanielError

__all__ = ["Busy", "DeadlineExceeded", "NotReady", "Reason", "Refused"]

Reason = Literal["tokens", "requests", "deadline", "reload"]
"""What there was too much of: queued tokens, waiting requests, work before this deadline, or reloads at once."""


class Refused(SpanielError):
    """Not a mistake in the request: the same request can be answered at another time."""


class Busy(Refused):
    """More work is queued than will be taken on; the request cost nothing and can be sent again.

    Attributes:
        reason: what there is too much of; a label of the metrics.
        retry_after_s: when there should be room, by the speed measured so far.
    """

    def __init__(self, reason: Reason, what: str, retry_after_s: float) -> None:
        super().__init__(what)
        self.reason, self.retry_after_s = reason, retry_after_s
        self.hint = f"try again in {retry_after_s:.0f} s"


class NotReady(Refused):
    """The engine is loading, draining, or has no model."""

    def __init__(self, state: str) -> None:
        super().__init__(f"the reranker is {state}")
        self.state = state


class DeadlineExceeded(Refused):
    """Accepted, and not answered before its deadline; what was left of it has been dropped."""

    def __init__(self, waited_s: float) -> None:
        super().__init__(f"no answer within {waited_s:.1f} s")
        self.waited_s = waited_s
        self.hint = "send fewer documents, or allow more time"
