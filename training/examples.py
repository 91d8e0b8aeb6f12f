"""What is trained on: questions, the passages of an index that answer them, and passages that do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["Example", "TrainingSet"]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One question.

    Attributes:
        id, text: of the question.
        positives: ordinal -> grade, at least 1, of the passages that answer it; at least one.
        negatives: ordinals that were given or mined, the hardest first; none of them a positive.
    """

    id: str
    text: str
    positives: Mapping[int, int]
    negatives: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """Questions over one index.

    Attributes:
        name: for progress and reports, such as the collection's.
        index: the index, open; never changed.
        train, dev: questions to learn from, and questions held out; no text is in both.
        texts: of passages that are not in the index; number i has the ordinal `first_extra + i`.
        first_extra: where ordinals of the index end.
    """

    name: str
    index: "Index"
    train: Sequence[Example]
    dev: Sequence[Example]
    texts: Sequence[str] = field(default=())
    first_extra: int = 0

    def passages(self, ordinals: Sequence[int]) -> list[str]:
        """What an encoder reads of these passages (title and text joined as the index joins them), in their order."""
        raise NotImplementedError
