"""Everything that goes wrong as a status, a message, and what to do: the one way in which this server says no.

    400 no JSON, two lengths  401 no key or a wrong one    404, 405 no such route       408 the body came too slowly
    413 too large, too many   415 a compressed body        422 JSON of another shape    429 too busy, Retry-After
    431 headers too large     500 the model failed         503 loading, draining        504 not done in time

A dialect writes it down as its clients expect (`dialects/`).
"""

import math
from dataclasses import dataclass, field

from spaniel.retrieval.errors import InvalidInput, LimitExceeded, ModelError, SpanielError

from .refusals import Busy, DeadlineExceeded, NotReady

__all__ = ["ClientGone", "Problem", "problem_of", "shortened"]

_MOST_LETTERS = 500


class ClientGone(Exception):
    """The client has closed its connection; nobody waits for an answer."""


@dataclass(slots=True, eq=False)
class Problem(Exception):
    """What the client is told.

    Attributes:
        status: of HTTP.
        type: one word for programs.
        message: what happened, with the value; its middle is left out where the client made it long.
        path: of the field inside the body, such as `documents[3].text`; empty when it is not about one. As `message`.
        hint: what to do; may be empty.
        headers: to be sent with it.
    """

    status: int
    type: str
    message: str
    path: str = ""
    hint: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.message, self.path = shortened(self.message), shortened(self.path)

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message

    @property
    def said(self) -> str:
        """All of it in one line."""
        return f"{self}; {self.hint}" if self.hint else str(self)


def shortened(text: str) -> str:
    """The text, or its beginning and its end where it is longer than 500 letters.

    Example:
        >>> shortened("short"), len(shortened("x" * 10_000))
        ('short', 500)
    """
    if len(text) <= _MOST_LETTERS:
        return text
    kept = (_MOST_LETTERS - 3) // 2
    return f"{text[:kept]}...{text[-(_MOST_LETTERS - 3 - kept) :]}"


def problem_of(error: Exception) -> Problem:
    """What a client is told of an error; of one that nobody foresaw, nothing but that it happened."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Busy):
        wait_s = str(max(1, math.ceil(error.retry_after_s)))
        return Problem(429, "Overloaded", str(error), hint=error.hint, headers={"Retry-After": wait_s})
    if isinstance(error, NotReady):
        return Problem(503, "Unavailable", str(error), hint=error.hint, headers={"Retry-After": "2"})
    if isinstance(error, DeadlineExceeded):
        return Problem(504, "Timeout", str(error), hint=error.hint)
    if isinstance(error, LimitExceeded):
        return Problem(413, "TooLarge", str(error), hint=error.hint)
    if isinstance(error, InvalidInput):
        return Problem(422, "Validation", error.what, error.where, error.hint)
    if isinstance(error, ModelError):
        return Problem(500, "ModelError", str(error), hint=error.hint)
    if isinstance(error, SpanielError):
        return Problem(500, type(error).__name__, str(error), hint=error.hint)
    return Problem(500, "InternalError", "internal error", hint="the server's log says more under this request's id")
