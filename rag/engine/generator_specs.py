"""The generators that a file can name: a closed table of dataclasses, whose fields are the keys of `[generator]`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.protocols import Generator

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["GENERATORS", "ExtractiveSpec", "GeneratorSpec", "OpenAISpec"]

_KEY_CHARS = 1 << 14
_ENOUGH_PASSAGES = 1000
"""From so many passages on an index says what its words weigh."""


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
        answer, max_sentences, diversity, share, threshold: see `Extractive`.
        encoder: whether sentences are compared by the index's own model too, which costs encoding them.
        index_frequencies: whether words weigh by how rare they are in the index, and not in English at large; by
            default in an index of at least 1,000 passages (docs/extractive.md has the figures), and always in one of
            another language, for which there is no other table.
    """

    type: ClassVar[str] = "extractive"
    max_sentences: int = 3
    diversity: float = 0.3
    share: float = 0.5
    threshold: float | None = None
    encoder: bool = False
    answer: Literal["sentences", "span"] = "sentences"
    index_frequencies: bool | None = None

    def __post_init__(self) -> None:
        if self.answer not in ("sentences", "span"):
            raise InvalidInput("extractive", f"answer is {self.answer!r}; it must be sentences or span")
        if self.max_sentences < 1:
            raise InvalidInput("extractive", f"max_sentences is {self.max_sentences}; it must be at least 1")
        for name in ("diversity", "share", "threshold"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InvalidInput("extractive", f"{name} is {value}; it must lie between 0 and 1")

    def make(self, index: "Index") -> Generator:
        """See `GeneratorSpec`."""
        from spaniel.index.sparse.frequencies import TermFrequencies
        from spaniel.rag.generators.extractive.generator import Extractive

        analyzer = index.settings.analyzer
        encoder = index.dense().encoder if self.encoder else None
        wanted = len(index) >= _ENOUGH_PASSAGES if self.index_frequencies is None else self.index_frequencies
        of_index = analyzer is not None and (wanted or analyzer.name != "english")
        return Extractive(
            encoder,
            answer=self.answer,
            frequencies=TermFrequencies(index.bm25()) if of_index else None,
            max_sentences=self.max_sentences,
            diversity=self.diversity,
            share=self.share,
            threshold=self.threshold,
            analyzer="english" if analyzer is None else analyzer,
        )


@dataclass(frozen=True, slots=True)
class OpenAISpec:
    """A model behind an OpenAI-compatible server; see `rag/generators/endpoint.py`.

    Attributes:
        base_url, model, temperature, seed, stream, timeout_s, limit_s, tries: see `OpenAIGenerator`.
        key_variable, key_file: the variable of the environment, or the file, that holds the server's key; by default
            SPANIEL_LLM_KEY or what SPANIEL_LLM_KEY_FILE names. The key itself is never in a file of an engine.
        prompt_price, answer_price: of a million tokens, in any currency; give both for costs.
        max_money, max_tokens: all calls of the engine together; one that could go beyond is refused.
    """

    type: ClassVar[str] = "openai"
    base_url: str = ""
    model: str = ""
    temperature: float = 0.0
    seed: int | None = None
    stream: bool = True
    timeout_s: float = 60.0
    limit_s: float = 300.0
    tries: int = 4
    key_variable: str | None = None
    key_file: str | None = None
    prompt_price: float | None = None
    answer_price: float | None = None
    max_money: float | None = None
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        for name in ("base_url", "model"):
            if not getattr(self, name):
                raise InvalidInput("openai", f"{name} is missing", hint="give the server's base_url and a model's name")
        if (self.prompt_price is None) != (self.answer_price is None):
            raise InvalidInput("openai", "give prompt_price and answer_price, or neither")
        if self.key_variable is not None and self.key_file is not None:
            raise InvalidInput("openai", "give key_variable or key_file, not both")
        if self.max_money is not None and self.prompt_price is None:
            raise InvalidInput("openai", "max_money needs prompt_price and answer_price")

    def make(self, index: "Index") -> Generator:
        """See `GeneratorSpec`."""
        from spaniel.rag.generators.endpoint import OpenAIGenerator
        from spaniel.rag.generators.ledger import Ledger, Price

        prices = {}
        if self.prompt_price is not None and self.answer_price is not None:
            prices[self.model] = Price(self.prompt_price, self.answer_price)
        return OpenAIGenerator(
            self.base_url,
            self.model,
            key=self._key(),
            temperature=self.temperature,
            seed=self.seed,
            stream=self.stream,
            timeout_s=self.timeout_s,
            limit_s=self.limit_s,
            tries=self.tries,
            ledger=Ledger(prices, max_money=self.max_money, max_tokens=self.max_tokens),
        )

    def _key(self) -> str | None:
        """The key named; None leaves it to the generator's own variables."""
        if self.key_variable is not None:
            if not (key := os.environ.get(self.key_variable, "").strip()):
                raise InvalidInput("key_variable", f"{self.key_variable} is not set", hint="put the server's key there")
            return key
        if self.key_file is None:
            return None
        with Path(self.key_file).open(encoding="utf-8", errors="replace") as file:
            key = file.read(_KEY_CHARS).strip()
        if not key or any(char.isspace() or not char.isprintable() for char in key):
            raise InvalidInput("key_file", f"{self.key_file} does not hold one key", hint="put the key alone into it")
        return key


GENERATORS: Mapping[str, type[GeneratorSpec]] = {each.type: each for each in (ExtractiveSpec, OpenAISpec)}
"""Name in a file -> dataclass."""
