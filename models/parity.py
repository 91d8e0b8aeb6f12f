"""Does an int8 graph give what the float32 graph gives? Measured on texts that come with the package.

For each text the cosine between what the two graphs give (a vector, or all tokens' vectors one after the other); for
classifiers one correlation over the scores of all pairs. The texts, prose, questions, code and lists of 5 to 110
words, also serve to see how large the inputs of the layers are (`quantize.smoothing`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.models.folder import ModelFolder
from spaniel.models.session import open_session
from spaniel.retrieval.errors import ModelError, require
from spaniel.retrieval.types import JSON

__all__ = ["LEAST_COSINE", "Parity", "parity", "run_sample", "sample_texts"]

LEAST_COSINE = 0.99
_MAX_TOKENS = 256

Outputs = list[dict[str, NDArray[np.float32]]]


@dataclass(frozen=True, slots=True)
class Parity:
    """How near two graphs are.

    Attributes:
        measure: "cosine" of the outputs of each text, or "correlation" of the scores of all pairs.
        least, mean: over the texts.
        texts: how many.
    """

    measure: str
    least: float
    mean: float
    texts: int

    def check(self, tolerance: float, what: str) -> None:
        """Refuse graphs that are too far apart.

        Raises:
            ModelError: `least` is below `tolerance`.
        """
        if not self.least >= tolerance:
            error = ModelError(
                f"{what}: {self.measure} with fp32 is down to {self.least:.4f}, {tolerance} is asked for"
            )
            error.hint = "use --precision fp32; or, on a CPU with VNNI instructions, try again there"
            raise error

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Parity":
        """Of a manifest.

        Raises:
            KeyError: a figure is missing.
        """
        return cls(found["measure"], found["least"], found["mean"], found["texts"])

    def to_json(self) -> dict[str, JSON]:
        """As it stands in a manifest."""
        return {
            "measure": self.measure,
            "least": round(self.least, 6),
            "mean": round(self.mean, 6),
            "texts": self.texts,
        }


def sample_texts() -> list[str]:
    """The texts, one a line of sample.txt."""
    return Path(__file__).with_name("sample.txt").read_text("utf-8").splitlines()


def run_sample(
    graph: Path,
    folder: ModelFolder,
    *,
    pairs: bool,
    longest: int,
    texts: Sequence[str] | None = None,
    output: str | None = None,
) -> Outputs:
    """Outputs of a graph for every text, each alone, so that there is no padding.

    Args:
        folder: of the model: its tokenizer, and how it reads texts.
        pairs: read each text together with the next one, as a classifier does.
        longest: tokens after which a text is cut.
        texts: those of the sample when None.
        output: the only one that is wanted; all when None.
    """
    session = open_session(graph)
    names = [each.name for each in session.get_outputs() if output in (None, each.name)]
    wanted = [each.name for each in session.get_inputs()]
    return [
        dict(zip(names, session.run(names, {name: fed[name] for name in wanted}), strict=True))
        for fed in _inputs(folder, sample_texts() if texts is None else texts, pairs, min(longest, _MAX_TOKENS))
    ]


def parity(reference: Outputs, given: Outputs, output: str) -> Parity:
    """Compare what two graphs gave for the sample under the name `output`."""
    if output == "logits":
        first, second = (np.concatenate([each[output] for each in outputs]) for outputs in (reference, given))
        correlation = _cosine(first - first.mean(axis=0), second - second.mean(axis=0))
        return Parity("correlation", correlation, correlation, len(reference))
    cosines = [_cosine(one[output], other[output]) for one, other in zip(reference, given, strict=True)]
    return Parity("cosine", min(cosines), float(np.mean(cosines)), len(cosines))


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Of all numbers of either, flat; NaN when one is zero."""
    first, second = one.ravel().astype(np.float64), other.ravel().astype(np.float64)
    with np.errstate(invalid="ignore"):
        return float(first @ second / np.sqrt((first @ first) * (second @ second)))


def _inputs(
    folder: ModelFolder, texts: Sequence[str], pairs: bool, longest: int
) -> Iterator[Mapping[str, NDArray[np.int64]]]:
    """What the graph reads of each text, int64 (1, t)."""
    tokenizer: Any = require("tokenizers", extra="cpu").Tokenizer.from_file(str(folder.tokenizer))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    texts = [text.lower() for text in texts] if folder.lower else texts
    read: Sequence[Any] = [*pairwise(texts)] if pairs else texts
    for each in read:
        encoded = tokenizer.encode(*each) if pairs else tokenizer.encode(each)
        types = encoded.type_ids if folder.typed else [0] * len(encoded.ids)
        rows = (encoded.ids, encoded.attention_mask, types)
        names = ("input_ids", "attention_mask", "token_type_ids")
        yield {name: np.array([row], np.int64) for name, row in zip(names, rows, strict=True)}
