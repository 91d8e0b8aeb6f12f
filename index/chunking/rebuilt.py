"""From the passages of a document back to its text."""

from collections.abc import Sequence

from spaniel.retrieval.types import Passage

__all__ = ["text_of"]


def text_of(passages: Sequence[Passage]) -> str | None:
    """The text that these passages of one document, in its order, were cut from; None when they leave a gap.

    Passages may overlap. That the last of them are missing cannot be seen.

    Example:
        >>> text_of([Passage("a#1", "a", 0, 4, "One "), Passage("a#2", "a", 2, 7, "e two")])
        'One two'
    """
    pieces: list[str] = []
    end = 0
    for passage in passages:
        if passage.start > end or passage.end - passage.start != len(passage.text):
            return None
        if passage.end > end or not pieces:
            pieces.append(passage.text[end - passage.start :])
            end = passage.end
    return "".join(pieces) if pieces else None
