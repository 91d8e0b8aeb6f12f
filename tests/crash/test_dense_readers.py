"""Readers of dense parts under a writer: every search gives what one generation holds, parts opened late included."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crash.dense_index import DENSE, drop, encode
from crash.folders import memory_folder
from crash.real_index import documents, found_by_vectors, tidy

from spaniel.index.edit import delete
from spaniel.index.index import Index, open_index
from spaniel.retrieval.errors import SpanielError


def seen(index: Index) -> list[Any]:
    return [(name, found_by_vectors(index, name)) for name in index.dense_names]


STEPS: list[Callable[[Path], object]] = [
    lambda path: DENSE.add(documents(100, 5), path),
    lambda path: delete(path, ["d101", "d5"]),
    encode,
    tidy,
    drop,
    lambda path: DENSE.add(documents(200, 3), path),
]


def read(path: Path, stop: threading.Event, results: list[tuple[int, list[Any]]], errors: list[str]) -> None:
    """Open, search, and keep one index in four whose parts are first used two openings later."""
    waiting: list[Index] = []
    for number in itertools.count():
        if stop.is_set():
            break
        try:
            index = open_index(path)
            if number % 4 == 0:
                waiting.append(index)
                index = waiting.pop(0) if len(waiting) > 1 else open_index(path)
            results.append((index.generation, seen(index)))
            index.close()
        except SpanielError as error:
            errors.append(str(error))
            break
    for index in waiting:
        results.append((index.generation, seen(index)))
        index.close()


def test_every_reader_sees_one_generation() -> None:
    with memory_folder() as folder:
        path = folder / "kb"
        DENSE.make_all(path)
        stop, results, errors = threading.Event(), [], []  # type: ignore[var-annotated]
        readers = [threading.Thread(target=read, args=(path, stop, results, errors)) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            for write in STEPS:
                write(path)
        finally:
            stop.set()
            for reader in readers:
                reader.join()
        assert not errors
        right: dict[int, list[Any]] = {}
        again = folder / "again"
        DENSE.make_all(again)
        with open_index(again) as index:
            right[index.generation] = seen(index)
        for write in STEPS:
            write(again)
            with open_index(again) as index:
                right[index.generation] = seen(index)
        assert {generation for generation, _ in results} <= set(right)
        assert all(found == right[generation] for generation, found in results)
