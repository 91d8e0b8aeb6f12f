"""The generators that a file can name: a closed table of dataclasses, whose fields are the keys of `[generator]`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import Generator

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["GENERATORS", "ExtractiveSpec", "GeneratorSpec"]


class GeneratorSpec(Protocol):
    """What the dataclass of a generator has.

    Attributes:
        type: its name in the table.
    """

    type: ClassVar[str]

    def make(self, index: "Index") -> Generator:
        """The generator, for answers over this index."""
        ...


@dataclass(frozen=True, slots=True)
class ExtractiveSpec:
    """The embedded generator: sentences of the passages; see `rag/generators/extractive`.

    Attributes:
        max_sentences, diversity, share, threshold: see `Extractive`.
        encoder: whether sentences are compared by the index's own model too, which costs encoding them.
    """

    type: ClassVar[str] = "extractive"
    max_sentences: int = 3
    diversity: float = 0.3
    share: float = 0.5
    threshold: float | None = None
    encoder: bool = False

    def __post_init__(self) -> None:
        if self.max_sentences < 1:
            raise InvalidInput("extractive", f"max_sentences is {self.max_sentences}; it must be at least 1")
        for name in ("diversity", "share", "threshold"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InvalidInput("extractive", f"{name} is {value}; it must lie between 0 and 1")

    def make(self, index: "Index") -> Generator:
        """See `GeneratorSpec`."""
        from spaniel.rag.generators.extractive.generator import Extractive

        analyzer = index.settings.analyzer
        encoder = index.dense().encoder if self.encoder else None
        return Extractive(
            encoder,
            max_sentences=self.max_sentences,
            diversity=self.diversity,
            share=self.share,
            threshold=self.threshold,
            analyzer="english" if analyzer is None else analyzer,
        )


GENERATORS: Mapping[str, type[GeneratorSpec]] = {each.type: each for each in (ExtractiveSpec,)}
"""Name in a file -> dataclass."""
