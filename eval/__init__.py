"""Evaluation: collections, runs, measures, statistics, reports, gates.

Names are loaded when they are first used, so that `import spaniel.eval` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .collections import Collection as Collection
    from .collections import CollectionInfo as CollectionInfo
    from .collections import Published as Published
    from .collections import collection as collection
    from .qrels import Qrels as Qrels
    from .run import Run as Run
    from .run import StageColumns as StageColumns

# Public name -> module of this folder.
_HOME = {
    "Collection": "collections",
    "CollectionInfo": "collections",
    "Published": "collections",
    "Qrels": "qrels",
    "Run": "run",
    "StageColumns": "run",
    "collection": "collections",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name not in _HOME:
        raise AttributeError(f"module 'spaniel.eval' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"spaniel.eval.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
