"""The log of decisions: JSON lines, from which policies are judged and trained later.

A line holds a decision with its probabilities and what came of it, every metric by name: never only the reward, so that
other preferences can be tried on it. Lines are appended by one system call each, so that threads and processes on one
machine may share a file; a line that a crash or a full disk cut off is closed by the next writer, and told by number
when read. What comes of a decision can be logged later, with the decision again: that is the same one where every part
of it is, its id among them, which no other process or run gives (`base.py`).
"""

import errno
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.types import JSON

from .state import finite

__all__ = ["DecisionLog", "Logged", "ReadLog", "decision_from_json", "decision_to_json", "read_log"]

_MOST_LINE = 1 << 20
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "id": str,
    "arm": str,
    "arms": list,
    "probabilities": list,
    "context": list,
    "preferences": dict,
    "policy": str,
    "step": int,
    "explored": bool,
}


@dataclass(frozen=True, slots=True)
class Logged:
    """A decision, and its metrics; None where they are not known (yet)."""

    decision: Decision
    metrics: Mapping[str, float] | None


@dataclass(frozen=True, slots=True)
class ReadLog:
    """What a log holds.

    Attributes:
        entries: in the order of their first lines; of a decision that was logged again, the last metrics.
        damaged: numbers of the lines, from 1, that hold no decision.
    """

    entries: tuple[Logged, ...]
    damaged: tuple[int, ...]


class DecisionLog(Closing):
    """Appends to a file, which is made if it is not there. Safe to call from several threads and processes.

    Args:
        path: of the file; its folder must be there.
        sync: wait for the disk after every line.

    Raises:
        InvalidInput: the file cannot be opened.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "decisions.jsonl"
        >>> with DecisionLog(path) as log:
        ...     log.append(Decision("1", "one", ("none", "one"), (0.1, 0.9)), {"quality": 1.0})
        >>> read_log(path).entries[0].decision.propensity
        0.9
    """

    def __init__(self, path: str | Path, *, sync: bool = False) -> None:
        self.path, self._sync, self._lock = Path(path), sync, threading.Lock()
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InvalidInput(str(path), f"the log cannot be opened ({error})") from error
        size = os.fstat(self._file).st_size
        self._cut = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def append(self, decision: Decision, metrics: Mapping[str, float] | None = None) -> None:
        """Write a line.

        Args:
            metrics: what came of it; None if that is not known. The same decision may be logged again when it is.

        Raises:
            InvalidInput: the log was closed, a metric is not finite, or the line is longer than 1 MiB.
            OSError: the disk took none or a part of it; then the line counts as damaged, and the log goes on.
        """
        value = {"decision": decision_to_json(decision), "metrics": None if metrics is None else dict(metrics)}
        try:
            line = json.dumps(value, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        except (TypeError, ValueError) as error:
            raise InvalidInput(str(self.path), f"decision {decision.id!r} cannot be logged ({error})") from error
        if len(line) > _MOST_LINE:
            raise InvalidInput(str(self.path), f"decision {decision.id!r} takes {len(line)} bytes; 1 MiB is the limit")
        with self._lock:
            if self._file < 0:
                raise InvalidInput(str(self.path), "the log was closed")
            whole = b"\n" * self._cut + line
            written = os.write(self._file, whole)
            if written < len(whole):
                self._cut = self._cut or written > 0
                found = f"{written} of {len(whole)} bytes of decision {decision.id!r} were written"
                raise OSError(errno.ENOSPC, found, str(self.path))
            self._cut = False
            if self._sync:
                os.fsync(self._file)

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file = -1


def read_log(path: str | Path) -> ReadLog:
    """What stands in a log; damaged lines are told of and left out.

    Raises:
        InvalidInput: the file cannot be read.
    """
    entries: dict[str, Logged] = {}
    damaged = []
    try:
        with Path(path).open("rb") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(_MOST_LINE + 1), b""), 1):
                if line == b"\n":  # closes what a writer that opened the file saw of another's line under way
                    continue
                try:
                    logged = _logged(line)
                except (ValueError, RecursionError):
                    damaged.append(number)
                    continue
                key = json.dumps(decision_to_json(logged.decision))
                if key not in entries or logged.metrics is not None:
                    entries[key] = logged
    except OSError as error:
        raise InvalidInput(str(path), f"no log can be read ({error})") from error
    return ReadLog(tuple(entries.values()), tuple(damaged))


def decision_to_json(decision: Decision) -> dict[str, JSON]:
    """Its attributes."""
    value = asdict(decision)
    value.update({key: list(value[key]) for key in ("arms", "probabilities", "context")})
    value["preferences"] = dict(decision.preferences)
    return value


def decision_from_json(value: Any) -> Decision:
    """The decision of `decision_to_json`.

    Raises:
        InvalidInput: an attribute is missing, unknown or of another type, or the parts do not fit together.
    """
    if not isinstance(value, Mapping) or set(value) != set(_TYPES):
        raise InvalidInput("decision", f"must be an object of {', '.join(_TYPES)}")
    for key, kind in _TYPES.items():
        if not isinstance(value[key], kind) or (kind is int and isinstance(value[key], bool)):
            raise InvalidInput("decision", f"{key} is {value[key]!r}")
    numbers = [*value["probabilities"], *value["context"], *value["preferences"].values()]
    if not all(map(finite, numbers)):
        raise InvalidInput("decision", "probabilities, context and preferences must be finite numbers")
    arms, probabilities = tuple(value["arms"]), tuple(map(float, value["probabilities"]))
    if not all(isinstance(each, str) for each in arms) or len(set(arms)) != len(arms) or value["arm"] not in arms:
        raise InvalidInput("decision", f"arm {value['arm']!r} and arms {arms!r} do not fit together")
    if len(probabilities) != len(arms) or min(probabilities) < 0 or abs(sum(probabilities) - 1) > 1e-6:
        raise InvalidInput("decision", f"probabilities {probabilities} are none of {len(arms)} arms")
    parts = {"arms": arms, "probabilities": probabilities, "context": tuple(map(float, value["context"]))}
    return Decision(**{**value, **parts, "preferences": dict(value["preferences"])})


def _logged(line: bytes) -> Logged:
    """What a line holds.

    Raises:
        ValueError: it holds no decision.
    """
    value = json.loads(line)
    if not isinstance(value, dict) or set(value) != {"decision", "metrics"}:
        raise ValueError("no decision")
    metrics = value["metrics"]
    if metrics is not None and not (isinstance(metrics, dict) and all(map(finite, metrics.values()))):
        raise ValueError("no metrics")
    return Logged(decision_from_json(value["decision"]), metrics)
