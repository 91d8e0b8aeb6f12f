"""The run card: what a run was made from, with what, where and when; enough to make it again, or see why it differs."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from spaniel.retrieval.types import JSON

from .cache import digest
from .fingerprint import code_fingerprint

__all__ = ["cores", "machine", "now", "run_card", "versions"]


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, JSON]:
    """Versions of what can change a result, the caller's own to add to; `sources` is a hash of our own where the
    version does not say enough."""
    return dict(_versions())


def machine() -> dict[str, JSON]:
    """`{"cpu", "cores", "memory_bytes", "python", "platform"}`, the caller's own; cores are those this process may
    use."""
    return dict(_machine())


@lru_cache(maxsize=1)
def _versions() -> dict[str, JSON]:
    found: dict[str, JSON] = {"python": platform.python_version()}
    for name in ("spaniel", "numpy", "PyStemmer"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return {**found, "sources": code_fingerprint()}


@lru_cache(maxsize=1)
def _machine() -> dict[str, JSON]:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        memory = None
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "memory_bytes": memory,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
    }


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def run_card(
    collection: Mapping[str, JSON],
    index: Mapping[str, JSON],
    pipeline: Mapping[str, JSON],
    *,
    seed: int,
    created: str | None = None,
) -> dict[str, JSON]:
    """All of it as plain JSON.

    Args:
        collection: name, split and hashes.
        index: identity, fields and language, as far as they are known.
        pipeline: name, stages and, where it came from the registry, the definition; gets a hash beside it.
        created: when the run was made; now by default.
    """
    return {
        "collection": dict(collection),
        "index": dict(index),
        "pipeline": {**pipeline, "sha256": digest(pipeline)},
        "versions": versions(),
        "seed": seed,
        "hardware": machine(),
        "created": created or now(),
    }
