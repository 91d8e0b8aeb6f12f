"""Bytes and counts in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spaniel.retrieval.types import JSON

__all__ = ["counted", "index_size", "quantity"]


def index_size(info: "Mapping[str, JSON]") -> str:
    """What all parts of an index take, from `Index.info()`."""
    parts = info["bytes"]
    assert isinstance(parts, dict)
    return quantity(sum(size for size in parts.values() if isinstance(size, int)))


def quantity(size_bytes: int) -> str:
    """`812 B`, `3.4 MB`, in powers of 1000."""
    size, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"


def counted(n: "JSON", what: str) -> str:
    """`1 passage`, `3,200 passages`; n as `Index.info()` gives it."""
    assert isinstance(n, int)
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
