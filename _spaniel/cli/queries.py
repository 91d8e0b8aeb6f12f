"""Files of queries: `.jsonl` objects or `.tsv` lines, plain or `.gz`."""

import gzip
import json
import math
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, cast

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Query

__all__ = ["ID_NAMES", "file_kind", "is_file_of_queries", "numbered_lines", "queries_in", "read_queries"]

ID_NAMES = ("_id", "id", "qid", "query_id")
_TEXT_NAMES = ("text", "query", "question", "title")
_MAX_BYTES = 1 << 20


def read_queries(path: str | Path) -> list[Query]:
    """All queries of a file, in its order.

    A line of `.jsonl` is an object with an id (`_id`, `id`, `qid` or `query_id`) and a text (`text`, `query`,
    `question` or `title`), or a `vector` of token weights for an index of such; a line of `.tsv` is id, tab, text.
    Empty lines are passed over.

    Raises:
        InvalidInput: another ending, a line that is no query (named by number), an id twice, or no query at all.
        OSError: the file cannot be read.
    """
    file = Path(path)
    parse = _PARSERS.get(file_kind(file))
    if parse is None:
        raise InvalidInput(str(file), "queries come as .jsonl or .tsv, plain or .gz")
    queries: dict[str, Query] = {}
    for number, line in numbered_lines(file):
        try:
            query = parse(line)
        except ValueError as error:
            raise InvalidInput(f"{file}:{number}", str(error)) from None
        if query.id in queries:
            raise InvalidInput(f"{file}:{number}", f"query id {query.id!r} stands there twice")
        queries[query.id] = query
    if not queries:
        raise InvalidInput(str(file), "no query in it")
    return list(queries.values())


def queries_in(place: str, *, offline: bool = False) -> list[Query]:
    """All queries of a file, as `read_queries`, or of a collection by folder, .zip or name, judged or not.

    Raises:
        InvalidInput, OSError: see `read_queries` and `contents`.
    """
    if is_file_of_queries(place):
        return read_queries(place)
    from spaniel.eval.collections.contents import contents

    return [Query(id_, text) for id_, text in contents(place, offline=offline).queries().items()]


def is_file_of_queries(place: str) -> bool:
    """Whether a name is that of a file, by its ending or because it is one, and not of a collection."""
    path = Path(place)
    return path.suffix != ".zip" and not path.is_dir() and (file_kind(path) in _PARSERS or path.is_file())


def file_kind(file: Path) -> str:
    """The ending that says what is in a file, that of compression left out: `.jsonl` of `q.jsonl.gz`."""
    return Path(file.stem).suffix if file.suffix == ".gz" else file.suffix


def numbered_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not empty, without their ends; `-` is stdin.

    Raises:
        InvalidInput: a line over 1 MiB or not UTF-8, or damaged gzip data.
        OSError: the file cannot be read.
    """
    with _opened(file) as stream:
        try:
            for number, raw in enumerate(iter(lambda: stream.readline(_MAX_BYTES + 1), b""), 1):
                if len(raw) > _MAX_BYTES:
                    raise InvalidInput(f"{file}:{number}", f"the line is longer than {_MAX_BYTES} bytes")
                line = _decoded(raw, f"{file}:{number}").strip("\r\n")
                if line.strip():
                    yield number, line
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InvalidInput(str(file), f"damaged gzip data ({error})") from error


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    if str(file) == "-":
        return nullcontext(sys.stdin.buffer)
    return cast(BinaryIO, gzip.open(file, "rb")) if file.suffix == ".gz" else file.open("rb")


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(where, f"not UTF-8 (byte {error.start} of the line)") from error


def _from_tabs(line: str) -> Query:
    id_, tab, text = line.partition("\t")
    if not tab or not id_.strip():
        raise ValueError(f"not `id<TAB>text`: {line[:60]!r}")
    return Query(id_.strip(), text.strip())


def _from_json(line: str) -> Query:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(record, dict):
        raise ValueError(f"not a JSON object: {line[:60]!r}")
    id_ = next((record[name] for name in ID_NAMES if name in record), None)
    text = next((record[name] for name in _TEXT_NAMES if name in record), None)
    if isinstance(id_, int) and not isinstance(id_, bool):
        id_ = str(id_)
    if not isinstance(id_, str) or not id_:
        raise ValueError(f"no id ({', '.join(ID_NAMES)}) that is a string or a whole number")
    weights = _weights(record["vector"]) if "vector" in record else None
    if not isinstance(text, str) and (weights is None or text is not None):
        raise ValueError(f"no text ({', '.join(_TEXT_NAMES)})")
    return Query(id_, text or "", weights=weights)


def _weights(vector: object) -> dict[str, float]:
    if not isinstance(vector, dict) or not all(
        type(weight) in (int, float) and 0 <= weight < math.inf for weight in vector.values()
    ):
        raise ValueError("the vector is not an object of token: weight, weights being numbers of at least 0")
    return {token: float(weight) for token, weight in vector.items() if weight}


_PARSERS = {".jsonl": _from_json, ".tsv": _from_tabs}
