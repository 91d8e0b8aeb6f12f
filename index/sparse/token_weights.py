"""Learned sparse vectors as JSON lines, the form Anserini and Pyserini read and models like SPLADE are exported to.

A line is `{"id": "d1", "contents": "text, may be left out", "vector": {"token": 1.53, ...}}`; `_id` and `text` are
understood as well. Weights are numbers from 0 up; those that are 0 are no entry. The index stores impacts of 8 bits:
`scan` looks once through the files for the greatest weight, and its `Scale` then turns weights into impacts. Whole
numbers up to 255 are kept as they are, so vectors that a model's export has already quantised lose nothing.
"""

import gzip
import math
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

__all__ = ["START", "Place", "Scale", "WeightedText", "read_token_weights", "scan"]

TOP = 255  # the greatest impact
MAX_LINE_BYTES = 64 << 20


class Place(NamedTuple):
    """Where reading a file can go on: after so many lines, at this byte of the unpacked text.

    `bytes_read` says how far that is in the file on disk.
    """

    line: int = 0
    offset: int = 0
    bytes_read: int = 0


START = Place()


@dataclass(frozen=True, slots=True)
class WeightedText:
    """One line, and the place after it: tokens in its order, weights float64 (len(tokens),), all above 0 and finite."""

    id: str
    tokens: list[str]
    weights: NDArray[np.float64]
    text: str = ""
    title: str = ""
    place: Place = START


@dataclass(frozen=True, slots=True)
class Scale:
    """How weights become impacts: impact = round(weight / step), at least 1 and at most 255.

    The impact times `step` is within half a step of the weight, except for weights under half a step, which become one
    whole step so that no match is lost.
    """

    step: float
    greatest: float

    @classmethod
    def of(cls, greatest: float, *, whole: bool) -> "Scale":
        """For weights up to `greatest`; `whole` says that all of them are whole numbers."""
        return cls(1.0 if whole and greatest <= TOP else max(greatest, math.ulp(0.0) * TOP) / TOP, greatest)

    def n_raised(self, weights: NDArray[np.float64]) -> int:
        """How many weights lie under half a step and are stored as more than they are."""
        return int(np.count_nonzero(weights < self.step / 2))

    def impacts(self, weights: NDArray[np.float64]) -> NDArray[np.uint8]:
        """uint8, the shape of `weights`.

        Raises:
            InvalidInput: a weight above the greatest that was seen when the scale was made.
        """
        if len(weights) and weights.max() > self.greatest:
            raise InvalidInput(
                "token weights", f"weight {weights.max()} is above {self.greatest}, the scale's greatest"
            )
        return np.clip(np.rint(weights / self.step), 1, TOP).astype(np.uint8)


class _Line(msgspec.Struct):
    vector: dict[str, float]
    id: str | int | None = None
    under_id: str | int | None = msgspec.field(default=None, name="_id")
    contents: str = ""
    text: str = ""
    title: str = ""


def read_token_weights(sources: Path | Iterable[Path], start: Place = START) -> Iterator[WeightedText]:
    """The lines of one file or several, `.gz` unpacked, in order; blank lines are passed over.

    Args:
        start: where in the first file to go on; a packed one is unpacked up to there.

    Raises:
        InvalidInput: a line that is not as above, naming file and line.

    Cost: streams; one line is in memory at a time, at most 64 MiB.
    """
    for path in [sources] if isinstance(sources, Path) else sources:
        decode = msgspec.json.Decoder(_Line).decode
        for raw, place in _lines(path, start):
            where = f"{path}:{place.line}"
            try:
                line = decode(raw)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                hint = 'a line is {"id": "d1", "vector": {"token": 1.5}}'
                raise InvalidInput(where, f"no vector of token weights: {error}", hint) from error
            yield _checked(line, where, place)
        start = START


def _checked(line: _Line, where: str, place: Place) -> WeightedText:
    name = line.id if line.id is not None else line.under_id
    if name is None or name == "":
        raise InvalidInput(where, "no `id`", "each line needs an id of its own")
    name = str(name)
    for field, value in (("the id", name), ("the text", line.contents or line.text), ("the title", line.title)):
        if "\0" in value:
            raise InvalidInput(where, f"{field} holds a NUL character", "remove it")
    if "" in line.vector:
        raise InvalidInput(where, "a token is empty", "remove it, or give it the name that queries use")
    weights = np.fromiter(line.vector.values(), np.float64, len(line.vector))
    if not np.all(np.isfinite(weights) & (weights >= 0)):
        token = next(t for t, w in line.vector.items() if not (math.isfinite(w) and w >= 0))
        raise InvalidInput(where, f"token {token!r} has weight {line.vector[token]}", "weights are numbers from 0 up")
    kept = weights > 0
    tokens = [t for t, keep in zip(line.vector, kept.tolist(), strict=True) if keep]
    return WeightedText(name, tokens, weights[kept], line.contents or line.text, line.title, place)


def _lines(path: Path, start: Place) -> Iterator[tuple[bytes, Place]]:
    """All lines that are not blank, each with the place after it."""
    with path.open("rb") as raw:
        packed = path.suffix == ".gz"
        file = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
        number, offset = start.line, start.offset
        while True:
            try:
                if number == start.line:
                    file.seek(offset)
                line = file.readline(MAX_LINE_BYTES + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise InvalidInput(f"{path}:{number + 1}", f"cannot be unpacked: {error}") from error
            if not line:
                return
            number, offset = number + 1, offset + len(line)
            if len(line) > MAX_LINE_BYTES:
                raise InvalidInput(f"{path}:{number}", f"a line of more than {MAX_LINE_BYTES} bytes")
            if line.strip():
                yield line, Place(number, offset, raw.tell() if packed else offset)


def scan(sources: Path | Iterable[Path]) -> Scale:
    """Look through all lines for the greatest weight, and whether all weights are whole numbers.

    Raises:
        InvalidInput: as `read_token_weights`.
    """
    greatest, whole = 0.0, True
    for line in read_token_weights(sources):
        if len(line.weights):
            greatest = max(greatest, float(line.weights.max()))
            whole = whole and bool(np.all(line.weights == np.rint(line.weights)))
    return Scale.of(greatest, whole=whole)
