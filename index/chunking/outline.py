"""Where the headings of a document stand, of whose text alone that cannot be told: pages of HTML."""

from dataclasses import dataclass
from typing import NamedTuple

from spaniel.retrieval.types import Document

__all__ = ["Heading", "Outlined"]


class Heading(NamedTuple):
    """A heading, `text[start:end]`.

    Attributes:
        start, end: in characters; it begins a line.
        level: 1 the highest.
    """

    start: int
    end: int
    level: int


@dataclass(frozen=True, slots=True)
class Outlined(Document):
    """A document whose reader knows its headings.

    Attributes:
        headings: ascending by start.
    """

    headings: tuple[Heading, ...] = ()
