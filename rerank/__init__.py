"""Judges (models), schedules (algorithms), and what puts the two to work; a server for cross-encoders.

The package is also a function: `spaniel.rerank(query, texts, judge)` is `ranked.rerank`. Both have the one name because
importing any module below here makes `spaniel.rerank` the package, whatever it was before.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["rerank"]

if TYPE_CHECKING:
    from .ranked import rerank as rerank
else:

    class _Package(ModuleType):
        def __call__(self, *args: Any, **settings: Any) -> Any:
            """See `ranked.rerank`."""
            from .ranked import rerank as function

            return function(*args, **settings)

    rerank = sys.modules[__name__]
    rerank.__class__ = _Package
