"""Which module writes, merges and opens each kind of store: a closed table."""

import importlib
from typing import cast

from .part import StoreModule
from .settings import StoreKind

__all__ = ["store_module"]

_FAISS = "faiss_store"
_MODULES: dict[StoreKind, str] = {
    "float32": "flat",
    "float16": "flat",
    "int8": "flat",
    "hnsw": _FAISS,
    "ivf": _FAISS,
    "pq": _FAISS,
    "rabitq": _FAISS,
    "binary": "binary",
}


def store_module(kind: StoreKind) -> StoreModule:
    """The module of a kind; loaded when it is first asked for."""
    return cast(StoreModule, importlib.import_module(f"{__package__}.{_MODULES[kind]}"))
