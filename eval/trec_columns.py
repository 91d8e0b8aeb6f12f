"""The columns of a TREC run file, chunk by chunk: `query Q0 document rank score tag`.

A chunk of lines is split into words at once, and every sixth word is a query: faster than line by line, as long as
nothing is wrong. That nothing is: the number of words, a constant second and last column, and scores that are
finite numbers. Otherwise the chunk is read again line by line, which is slow and names the first line that is wrong.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import InvalidInput

from .collections.lines import line_blocks

__all__ = ["TrecRows", "plain", "refuse_rank", "refuse_repeated", "text_blocks", "trec_rows"]

# What a chunk is split into stays in the first-level caches; at a megabyte this takes four times as long.
_CHUNK_BYTES = 1 << 14


class TrecRows(NamedTuple):
    """Some lines of a run, in their order.

    `scores` is float32 (n_rows,), finite; ranks stay text until somebody needs them.
    """

    queries: Sequence[str]
    documents: Sequence[str]
    ranks: Sequence[str]
    scores: NDArray[np.float32]
    tag: str


def trec_rows(path: str | Path) -> Iterator[TrecRows]:
    """The lines of a run file, plain or .gz, some hundred at a time; blank lines are left out.

    Raises:
        FileNotFoundError: no such file.
        InvalidInput: a line without six columns, a rank or score that is no number, a score that is not finite; file
            and line are named.
    """
    number = 1
    for lines in text_blocks(path, block_bytes=_CHUNK_BYTES):
        rows = _all_at_once(lines) or _line_by_line(lines, path, number)
        number += len(lines)
        if len(rows.queries):
            yield rows


def _all_at_once(lines: list[str]) -> TrecRows | None:
    """The columns, or None when the lines need a closer look."""
    words = "\n".join(lines).split()
    n_rows = len(lines)
    if len(words) != 6 * n_rows:
        return None
    constant, tags = words[1::6], words[5::6]
    if constant.count(constant[0]) != n_rows or tags.count(tags[0]) != n_rows:
        return None
    scores = _as_scores(words[4::6])
    return None if scores is None else TrecRows(words[0::6], words[2::6], words[3::6], scores, tags[0])


def _as_scores(words: Sequence[str]) -> NDArray[np.float32] | None:
    """float32 (n,), or None when one is no number or not finite."""
    if not plain("".join(words)):
        return None
    try:
        with np.errstate(over="ignore"):
            scores = np.fromiter(map(float, words), np.float64, len(words)).astype(np.float32)
    except ValueError:
        return None
    return scores if np.isfinite(scores).all() else None


def _line_by_line(lines: list[str], path: str | Path, first: int) -> TrecRows:
    """The columns; the first wrong line is an error."""
    rows = []
    for number, line in enumerate(lines, first):
        if words := line.split():
            _check_row(f"{path}:{number}", words)
            rows.append(words)
    queries, _, documents, ranks, scores, tags = zip(*rows, strict=True) if rows else ((),) * 6
    values = _as_scores(scores)
    assert values is not None
    return TrecRows(queries, documents, ranks, values, tags[0] if tags else "")


def _check_row(where: str, words: list[str]) -> None:
    """Raise if one line is not `query Q0 document rank score tag`."""
    if len(words) != 6:
        raise InvalidInput(
            where,
            f"{len(words)} columns instead of the 6 of a run line (query Q0 document rank score tag): "
            f"{' '.join(words)[:80]!r}",
            hint="ids and tags may hold no blanks; runs with such ids fit into JSON lines (Run.to_jsonl)",
        )
    try:
        score = float(words[4] if plain(words[4]) else "")
    except ValueError:
        raise InvalidInput(where, f"the score is {words[4]!r}; it must be a number") from None
    with np.errstate(over="ignore"):
        if not np.isfinite(np.float32(score)):
            raise InvalidInput(where, f"the score is {words[4]}; it must be finite as float32", hint="leave it out")


def plain(number: str) -> bool:
    """Whether it is written as every tool writes numbers: Python would also take 1_0 and the digits of any script."""
    return number.isascii() and "_" not in number


def refuse_rank(path: str | Path) -> None:
    """Find the first line whose rank is no whole number of 64 bits, and name it.

    Raises:
        InvalidInput: if there is one.
    """
    for number, line in enumerate(chain.from_iterable(text_blocks(path)), 1):
        if (words := line.split()) and not re.fullmatch(r"[+-]?[0-9]{1,18}", words[3]):
            raise InvalidInput(f"{path}:{number}", f"the rank is {words[3][:40]!r}; it must be a whole number")


def refuse_repeated(path: str | Path) -> None:
    """Find the first line that repeats a document of its query, and name it.

    Raises:
        InvalidInput: always; if there is none, the file was changed while it was read.
    """
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(chain.from_iterable(text_blocks(path)), 1):
        words = line.split()
        if not words:
            continue
        if (words[0], words[2]) in seen:
            raise InvalidInput(
                f"{path}:{number}",
                f"document {words[2]!r} stands twice under query {words[0]!r}",
                hint="keep its best line; ids of passages become those of documents with Run.max_passage",
            )
        seen.add((words[0], words[2]))
    raise InvalidInput(str(path), "it changed while it was read", hint="read it again once it is written")


def text_blocks(path: str | Path, *, block_bytes: int | None = None) -> Iterator[list[str]]:
    """The lines of a text file, plain or .gz, many at a time, without their ends and without a byte order mark.

    Raises:
        FileNotFoundError: no such file.
        InvalidInput: damaged gzip data, UTF-16, a line that is not UTF-8, which is named.
        LimitExceeded: a line longer than `MAX_LINE_BYTES`.
    """
    n_before = 0
    for lines in line_blocks(Path(path), block_bytes=block_bytes):
        try:
            decoded = b"\n".join(lines).decode().split("\n")
        except UnicodeDecodeError:
            _refuse_bytes(path, n_before, lines)
        yield decoded
        n_before += len(lines)


def _refuse_bytes(path: str | Path, n_before: int, lines: list[bytes]) -> NoReturn:
    """Name the line that is not UTF-8."""
    for number, line in enumerate(lines, n_before + 1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{path}:{number}", f"not UTF-8: {error}", hint="convert it, as with iconv") from None
    raise AssertionError("every line is UTF-8")
