"""How documents are cut: plain data, in the manifest of an index whose documents are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TypeAlias

from spaniel.models.counting import placed_counter
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

__all__ = ["ChunkSettings", "Chunks", "chunk_settings"]

_MAX_TOKENS = 1 << 20


@dataclass(frozen=True, slots=True)
class ChunkSettings:
    """What a chunk may be.

    Attributes:
        target_tokens: what a chunk grows to; it ends before the unit (paragraph, sentence, line) that would take it
            above.
        max_tokens: what no chunk exceeds, the sentences it repeats not counted; None for 1.5 times the target. A
            paragraph between the two stays whole.
        overlap_sentences: so many of a chunk's last sentences are repeated at the begin of the next, unless a heading
            stands between them, as far as they take at most a quarter of the target.
        counter: what counts tokens, by name; see `token_counter`. In an index a file stands with its whole path. It is
            opened for documents that are cut; another file in its place cuts the next ones otherwise.
        records: also cut the records of collections and the caller's own documents, not only files.

    Raises:
        InvalidInput: a value out of range.
    """

    target_tokens: int = 128
    max_tokens: int | None = None
    overlap_sentences: int = 0
    counter: str = "estimate"
    records: bool = False

    def __post_init__(self) -> None:
        for name, low, high in (
            ("target_tokens", 8, _MAX_TOKENS),
            ("max_tokens", self.target_tokens, _MAX_TOKENS),
            ("overlap_sentences", 0, 100),
        ):
            value = getattr(self, name)
            if name == "max_tokens" and value is None:
                continue
            if type(value) is not int or not low <= value <= high:
                raise InvalidInput(f"chunks: {name}", f"{value!r} is not a number from {low} to {high}")
        if not isinstance(self.counter, str) or type(self.records) is not bool:
            raise InvalidInput(
                "chunks", f"counter {self.counter!r}, records {self.records!r}; they are text and a bool"
            )

    @property
    def limit(self) -> int:
        """Tokens that no chunk exceeds, those it repeats not counted."""
        return self.max_tokens if self.max_tokens is not None else self.target_tokens * 3 // 2

    def to_json(self) -> dict[str, JSON]:
        """As it stands in the manifest."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, JSON]) -> "ChunkSettings":
        """The inverse of `to_json`.

        Raises:
            TypeError, InvalidInput: something else.
        """
        return cls(**data)  # type: ignore[arg-type]  # checked above


Chunks: TypeAlias = "ChunkSettings | int | bool | None"
"""What a caller may say: settings; a target in tokens, for records too; False for none; True for the defaults, for
records too; None for what is usual: files are cut, records are not."""


def chunk_settings(chunks: Chunks, *, whole_files: bool) -> ChunkSettings | None:
    """What is meant.

    Args:
        whole_files: there are files among the sources that are one document each.

    Raises:
        InvalidInput: none of `Chunks`, out of range, or a token counter that is not here.
    """
    if chunks is None:
        return ChunkSettings() if whole_files else None
    if isinstance(chunks, bool):
        return ChunkSettings(records=True) if chunks else None
    if isinstance(chunks, ChunkSettings):
        return replace(chunks, counter=placed_counter(chunks.counter))
    if not isinstance(chunks, int):
        raise InvalidInput("chunks", f"{chunks!r} is no ChunkSettings, number of tokens, or bool")
    return ChunkSettings(chunks, records=True)
