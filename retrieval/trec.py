"""TREC run files: `query Q0 passage rank score tag`, one line for each passage found.

trec_eval ignores the rank column, reads scores as float32 and breaks ties by *descending* passage id; other tools keep
the order of lines. So that all of them see the order we meant, written scores fall strictly as float32: a score that
would tie is written one representable step lower. Ids with blanks would shift the columns and are refused.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidInput

__all__ = ["ScoredId", "format_run", "read_run", "strictly_falling"]


_LOWEST = np.float32(-np.inf)


class ScoredId(NamedTuple):
    """One passage of a run, by its id."""

    id: str
    score: float


def strictly_falling(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same scores, each lowered just enough to be below the one before; both float32 (n,).

    Args:
        scores: finite, descending.

    Raises:
        InvalidInput: not descending, or not finite.
    """
    if not np.isfinite(scores).all() or (scores[1:] > scores[:-1]).any():
        raise InvalidInput("run", "scores must be finite and descending")
    falling = scores.copy()
    # Between ties nothing moves; inside a run of ties each is lowered, and may then meet the next run.
    for place in np.flatnonzero(scores[1:] == scores[:-1]) + 1:
        while place < len(falling) and falling[place] >= falling[place - 1]:
            falling[place] = np.nextafter(falling[place - 1], _LOWEST)
            place += 1
    return falling


def format_run(query_id: str, ids: Sequence[str], scores: NDArray[np.float32], *, tag: str = "spaniel") -> str:
    """The lines of one query, ranks from 1 in the order given, ending in a line feed ("" without passages).

    Args:
        ids: passage ids, best first, each once.
        scores: float32 (len(ids),), finite, descending.

    Raises:
        InvalidInput: an id or tag that is empty, holds a blank or is there twice; scores out of order.

    Example:
        >>> import numpy as np
        >>> print(format_run("q1", ["b", "a"], np.array([2.5, 1.0], np.float32)), end="")
        q1 Q0 b 1 2.5 spaniel
        q1 Q0 a 2 1 spaniel
    """
    if len(ids) != len(scores):
        raise InvalidInput("run", f"{len(ids)} ids and {len(scores)} scores")
    words = [query_id, tag, *ids]
    if " ".join(words).split() != words:
        _refuse_blanks(words)
    if len(set(ids)) != len(ids):
        twice = next(id_ for place, id_ in enumerate(ids) if id_ in ids[:place])
        raise InvalidInput("run", f"passage {twice!r} stands twice under query {query_id!r}")
    falling = strictly_falling(np.asarray(scores, dtype=np.float32))
    # Nine digits bring a float32 back exactly.
    return "".join(
        f"{query_id} Q0 {id_} {rank} {score:.9g} {tag}\n"
        for rank, (id_, score) in enumerate(zip(ids, falling.tolist(), strict=True), 1)
    )


def _refuse_blanks(words: list[str]) -> None:
    """Name the first word that would not be one column."""
    place, word = next((place, word) for place, word in enumerate(words) if word.split() != [word])
    what = ("query id", "tag", "passage id")[min(place, 2)]
    raise InvalidInput(
        "run",
        f"{what} {word!r} is empty or holds a blank, which a TREC run cannot carry",
        hint="choose another tag" if what == "tag" else "give such records other ids, or use --json instead of --run",
    )


def read_run(source: str | Path | Iterable[str]) -> dict[str, list[ScoredId]]:
    """Query id -> its passages by descending score; ties keep the order of the rank column.

    Args:
        source: a file, plain or .gz, or its lines.

    Raises:
        FileNotFoundError: no such file.
        InvalidInput: a line that is not UTF-8 or not a run line, or a passage twice, named by file and line; damaged
            gzip data.
    """
    if isinstance(source, str | Path):
        return _parsed(_lines(Path(source)), str(source))
    return _parsed(source, "run")


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file, plain or .gz."""
    packed = path.suffix == ".gz"
    try:
        with cast(IO[bytes], gzip.open(path, "rb") if packed else path.open("rb")) as stream:
            for number, line in enumerate(stream, 1):
                yield _decoded(line, f"{path}:{number}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InvalidInput(str(path), f"damaged gzip data ({error})") from error


def _decoded(line: bytes, where: str) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(where, f"not UTF-8 (byte {error.start} of the line)") from None


def _parsed(lines: Iterable[str], name: str) -> dict[str, list[ScoredId]]:
    """The work of `read_run`; `name` stands in errors."""
    found: dict[str, dict[str, tuple[float, int]]] = {}
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        try:
            query_id, _, id_, rank, score, _ = fields
            value, place = float(score), int(rank)
        except ValueError:
            raise InvalidInput(
                f"{name}:{number}", f"not a run line (query Q0 passage rank score tag): {line.strip()[:80]!r}"
            ) from None
        if not np.isfinite(value):
            raise InvalidInput(f"{name}:{number}", f"the score is {score}; it must be finite")
        passages = found.setdefault(query_id, {})
        if id_ in passages:
            raise InvalidInput(f"{name}:{number}", f"passage {id_!r} stands twice under query {query_id!r}")
        passages[id_] = (value, place)
    return {
        query_id: [
            ScoredId(id_, score)
            for id_, (score, _) in sorted(passages.items(), key=lambda item: (-item[1][0], item[1][1]))
        ]
        for query_id, passages in found.items()
    }
