"""How much the engine takes on.

Tokens are the measure of work: a pair of 400 tokens costs what forty of 10 do. Documents and requests are bounded
besides, because memory for them is needed before anything is known of their tokens.
"""

from dataclasses import dataclass, fields

from spaniel.retrieval.errors import InvalidInput, LimitExceeded

__all__ = ["CPU_BATCH_TOKENS", "Limits"]

CPU_BATCH_TOKENS = 512
_LARGEST = 1 << 40


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one request, of a batch, and of what waits.

    Attributes:
        documents: of a request.
        batch_tokens: of one run of the model, padding included; a longer pair runs alone.
        batch_pairs: of one run of the model.
        window_tokens: how far behind the most urgent pair a batch may look for pairs of its length.
        share_tokens: what a request is given before another one's turn (`scheduler.py`).
        queue_tokens: waiting or running, over all requests. A request alone may have more.
        queue_requests: waiting or running.
        timeout_s: a request without a deadline is scheduled as if it had this one.
    """

    documents: int = 1000
    batch_tokens: int = CPU_BATCH_TOKENS
    batch_pairs: int = 64
    window_tokens: int = 32 * CPU_BATCH_TOKENS
    share_tokens: int = 4096
    queue_tokens: int = 1 << 17
    queue_requests: int = 512
    timeout_s: float = 60.0

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
