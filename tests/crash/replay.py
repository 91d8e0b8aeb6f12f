"""Open every state that a power loss may leave (power_loss.py) with the real reader, and say which are wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crash.power_loss import Call, RecordingFS, durable_states

from spaniel.index.check import verify
from spaniel.retrieval.errors import IndexNotFound, SpanielError

__all__ = ["Next", "label_of", "violations"]

Next = Callable[[Path, Any, RecordingFS], Any]
"""The next write: takes the index, what a reader sees (None: no index), a file system; gives what must be seen then."""


def label_of(content: Any) -> str:
    """How a content stands in the recorded calls; "" is no index."""
    return "" if content is None else repr(content)


def violations(
    calls: list[Call],
    root: Path,
    folder: Path,
    content: Callable[[Path], Any],
    again: Next,
    *,
    stop: bool,
    first: int = 0,
) -> tuple[int, list[str]]:
    """States tried after at least `first` calls, and what is wrong with them; with `stop`, only the first of these."""
    n_states, wrong = 0, []
    known: dict[frozenset[tuple[Path, bytes]], tuple[str, str]] = {}
    folder.mkdir(exist_ok=True)
    for state in durable_states(calls, root, first):
        n_states += 1
        key = frozenset(state.files.items())
        if key not in known:
            _lay_out(state.files, root, folder)
            known[key] = _outcome(folder / "kb", content, again)
        seen, problem = known[key]
        if not problem and seen not in (state.acknowledged, state.in_flight):
            problem = f"lost: a reader sees {seen}, right are {state.acknowledged} and {state.in_flight}"
        if problem:
            wrong.append(problem)
            if stop:
                break
    return n_states, wrong


def _outcome(path: Path, content: Callable[[Path], Any], again: Next) -> tuple[str, str]:
    """The label of what a reader sees in a state, and what is wrong with it in itself ("" for nothing)."""
    try:
        seen = content(path)
    except IndexNotFound:
        seen = None
    except SpanielError as error:
        return "", f"corrupt: {error}"
    if seen is not None and not verify(path).ok:
        return label_of(seen), f"verify: {verify(path).problems}"
    try:
        expected = again(path, seen, RecordingFS([]))
        after = content(path)
    except (SpanielError, OSError) as error:
        return label_of(seen), f"stuck: the next write fails: {error}"
    if after != expected:
        return label_of(seen), f"stuck: after the next write a reader sees {after} instead of {expected}"
    return label_of(seen), ""


def _lay_out(files: dict[Path, bytes], root: Path, folder: Path) -> None:
    """Put a state's files into `folder/kb`, and nothing else there."""
    shutil.rmtree(folder / "kb", ignore_errors=True)
    for path, data in files.items():
        target = folder / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
