"""`spaniel encode`: texts to vectors, without an index."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TextIO

import click

from spaniel.models.text import clean

from .console import Console, with_console
from .dense_options import model_options, open_model, tell_cut

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from spaniel.models.encoders.base import Encoder

__all__ = ["encode"]

_CHUNK = 1024  # texts a call of the encoder: enough to sort them by length, little enough to hold

Write = Callable[[list[str], "NDArray[np.float32]"], None]


@click.command()
@click.argument("file")
@click.option("--model", metavar="MODEL", required=True, help="A known name, a folder, hub:owner/name, or a URL.")
@click.option("--out", metavar="OUT", default="-", show_default="stdout", help="A .npy or .jsonl file (also .gz).")
@click.option(
    "--kind",
    type=click.Choice(["passage", "query"]),
    default="passage",
    show_default=True,
    help="Whose prompt is put before each text.",
)
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of the model [all cores].")
@model_options
@with_console
def encode(console: Console, file: str, model: str, out: str, kind: Literal["query", "passage"], **options: Any) -> int:
    """Encode texts as vectors.

    FILE is .jsonl (text, perhaps id and title) or .tsv (id, tab, text), each also .gz; any other file, and `-` for
    stdin, is a text a line. A .npy file gets float32 (texts, dimension) in their order; .jsonl and stdout get
    `{"id", "vector"}` lines. Exits with 1 when there is no text.
    """
    from .texts import read_texts

    if out != "-" and not out.endswith((".npy", ".jsonl", ".jsonl.gz")):
        raise click.UsageError(f"--out {out!r} ends neither in .npy nor in .jsonl")
    texts = read_texts(file, titles=kind == "passage")
    start = time.perf_counter()
    n_texts = 0
    with console.progress() as line:
        threads = options.pop("threads")
        with (
            open_model(console, model, options, threads=threads) as encoder,
            _output(out, encoder.card.dimension) as write,
        ):
            for ids, vectors in _encoded(encoder, texts, kind):
                write(ids, vectors)
                n_texts += len(ids)
                line.update("encoding", 0, 0, n_texts, "texts")
            usage, card = encoder.usage(), encoder.card
    seconds = time.perf_counter() - start
    found = {"out": out, "texts": n_texts, "dimension": card.dimension, "model": card.name}
    rate = n_texts / max(seconds, 1e-9)
    said = f"{out}: {n_texts:,} vectors of {card.dimension} dimensions, {seconds:.1f} s ({rate:,.0f} texts/s)"
    if out == "-":
        console.note(said)
    else:
        counts = {name: usage[name] for name in ("tokens", "truncated")}
        console.emit({**found, **counts, "seconds": round(seconds, 3)}, said)
    tell_cut(console, encoder)
    return 0 if n_texts else 1


def _encoded(
    encoder: "Encoder", texts: Iterator[tuple[str, str]], kind: Literal["query", "passage"]
) -> Iterator[tuple[list[str], "NDArray[np.float32]"]]:
    """Ids and vectors, a chunk at a time."""
    while chunk := list(islice(texts, _CHUNK)):
        yield [id_ for id_, _ in chunk], encoder.encode([text for _, text in chunk], kind=kind)


@contextmanager
def _output(out: str, dimension: int) -> Iterator[Write]:
    """A function that takes ids and vectors; the file is there whole or not at all."""
    from spaniel.retrieval.atomic import bytes_written_whole, written_whole

    if out == "-":
        yield lambda ids, vectors: _write_lines(sys.stdout, ids, vectors)
    elif out.endswith(".npy"):
        with bytes_written_whole(out) as raw:
            rows = _NpyRows(raw, dimension)
            yield lambda _, vectors: rows.write(vectors)
            rows.close()
    else:
        with written_whole(out) as stream:
            yield lambda ids, vectors: _write_lines(stream, ids, vectors)


def _write_lines(stream: TextIO, ids: list[str], vectors: "NDArray[np.float32]") -> None:
    for id_, vector in zip(ids, vectors, strict=True):
        # The shortest decimal that reads back as the same float32: str() of it, not of its float64.
        numbers = ", ".join(map(str, vector))
        # Half a surrogate pair, which JSON can hold and UTF-8 cannot, goes out as it came in: escaped.
        written = json.dumps(id_, ensure_ascii=clean(id_) != id_)
        stream.write(f'{{"id": {written}, "vector": [{numbers}]}}\n')


class _NpyRows:
    """A .npy file whose number of rows is known at the end: its header has room for any."""

    def __init__(self, raw: BinaryIO, dimension: int) -> None:
        if not raw.seekable():
            raise click.UsageError("--out: a .npy file cannot go to a pipe; use .jsonl")
        self._raw, self._dimension, self._n = raw, dimension, 0
        self._size = self._head()

    def write(self, vectors: "NDArray[np.float32]") -> None:
        self._raw.write(vectors.astype("<f4", copy=False).tobytes())
        self._n += len(vectors)

    def close(self) -> None:
        self._raw.seek(0)
        size = self._head()
        assert size == self._size  # NumPy leaves room for the first axis to grow

    def _head(self) -> int:
        from numpy.lib import format as npy

        shape = (self._n, self._dimension)
        npy.write_array_header_1_0(self._raw, {"descr": "<f4", "fortran_order": False, "shape": shape})
        return self._raw.tell()
