"""The indexes that pipelines or engines of one evaluation search: each is opened once, and closed with the rest."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from spaniel.index.progress import Progress
from spaniel.retrieval.errors import InvalidInput

from .indexes import BuiltIndex, cached_index, opened_index
from .spec import IndexSpec

if TYPE_CHECKING:
    from spaniel.eval.collections import Collection

__all__ = ["SharedIndexes", "check_names"]


class SharedIndexes:
    """Indexes of one collection.

    Args:
        stack: closes them.
        index: search this one instead, whatever is needed.
        query_model: asks those that are to be asked by it, instead of what they say.
        collection, cache, language, threads, on_progress: see `cached_index`.
    """

    def __init__(
        self,
        collection: "Collection",
        stack: ExitStack,
        *,
        cache: Path,
        index: str | Path | None = None,
        query_model: str | Path | None = None,
        language: str | None = None,
        threads: int = 1,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._stack, self._given, self._opened = stack, index, dict[object, BuiltIndex]()
        self._query_model = query_model
        self._build = partial(
            cached_index, collection, cache=cache, language=language, threads=threads, on_progress=on_progress
        )

    def of(self, spec: IndexSpec, *, asked: bool = True) -> BuiltIndex:
        """An index that is as the spec says, or the given one.

        Args:
            asked: it is left to the index what encodes questions, so that a query model means something.

        Raises:
            InvalidInput, ModelError, MissingExtra: see `cached_index` and `open_index`.
            IndexNotFound, IndexCorrupt, IndexTooNew, IndexTooOld: the given one; see `spaniel.open`.
        """
        query_model = self._query_model if asked else None
        key = (query_model is not None, None if self._given is not None else _needs(spec))
        if key not in self._opened:
            built = self._build(spec) if self._given is None else opened_index(self._given)
            if query_model is not None:
                built = built.asked_by(query_model)
            self._stack.callback(built.index.close)
            self._opened[key] = built
        return self._opened[key]


def check_names(option: str, what: str, names: Sequence[str]) -> None:
    """Refuse a name that comes twice; `option` is where names come from.

    Raises:
        InvalidInput: one does.
    """
    for place, name in enumerate(names):
        if name in names[:place]:
            hint = "give the file another `name`"
            raise InvalidInput(option, f"two {what} are called {name!r}", hint=hint)


def _needs(wanted: IndexSpec) -> tuple[object, ...]:
    """Equal for specs of the same index."""
    vectors = (wanted.dense, wanted.kept, wanted.precision) if wanted.dense is not None else ()
    return (tuple(wanted.weights.items()), wanted.language, *vectors)
