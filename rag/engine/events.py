"""What `Engine.stream` yields: typed events, in the order in which things become known.

    found -> packed -> piece ... (fallback -> piece ...) -> citation ... -> answer

The answer comes last and always; whatever was streamed before it is only for showing, since citations are verified on
the whole text. A question that finds nothing has no `packed` and no pieces.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from spaniel.rag.packing.base import Packed
from spaniel.retrieval.results import Results
from spaniel.retrieval.types import Answer, Citation

__all__ = [
    "AnswerEvent",
    "CitationEvent",
    "Event",
    "Events",
    "FallbackEvent",
    "FoundEvent",
    "PackedEvent",
    "PieceEvent",
]


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """The passages found; `results.query` is what was searched for, after rewriting."""

    results: Results
    kind: ClassVar[str] = "found"


@dataclass(frozen=True, slots=True)
class PackedEvent:
    """What of them the generator reads; number i + 1 stands for `packed.excerpts[i]`."""

    packed: Packed
    kind: ClassVar[str] = "packed"


@dataclass(frozen=True, slots=True)
class PieceEvent:
    """More of the answer's text, without its references: which of them hold is known at the end."""

    text: str
    kind: ClassVar[str] = "piece"


@dataclass(frozen=True, slots=True)
class FallbackEvent:
    """The generator failed: pieces before this count for nothing, and another one begins."""

    reason: str
    generator: str
    kind: ClassVar[str] = "fallback"


@dataclass(frozen=True, slots=True)
class CitationEvent:
    """A citation that holds."""

    citation: Citation
    kind: ClassVar[str] = "citation"


@dataclass(frozen=True, slots=True)
class AnswerEvent:
    """The whole answer."""

    answer: Answer
    kind: ClassVar[str] = "answer"


Event: TypeAlias = FoundEvent | PackedEvent | PieceEvent | FallbackEvent | CitationEvent | AnswerEvent
Events: TypeAlias = Generator[Event, None, None]
"""They come as they happen; closing it ends the work."""
