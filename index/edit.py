"""Deleting documents and passages by id: one commit, or nothing. Adding and updating are in `build.py`."""

import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from itertools import chain
from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

from .bury import buried
from .segments import Segments
from .settings import IndexSettings
from .store import MANIFEST_NAME, begin

__all__ = ["delete"]


def delete(path: str | os.PathLike[str], ids: Iterable[str], *, missing_ok: bool = False) -> int:
    """Delete documents by their exact ids, with all their passages, or single passages by theirs; how many of these ids
    there were.

    Their passages stay on disk until `optimize`, but no search finds them, and all scores are those of an index that
    never held them.

    Args:
        missing_ok: ids that the index does not have are no error.

    Raises:
        InvalidInput: an id that the index does not have (nothing is deleted then), or a string instead of ids.
        IndexNotFound, IndexLocked, IndexCorrupt, OSError: the index is then as it was.

    Cost: the texts of the deleted documents are analysed again.
    """
    if isinstance(ids, str | bytes):
        raise InvalidInput("delete", f"ids is the string {ids!r}; pass a list of ids")
    wanted = list(dict.fromkeys(ids))
    with begin(Path(path)) as txn:
        assert txn.base is not None
        settings = IndexSettings.from_json(txn.base.settings, txn.path / MANIFEST_NAME)
        with closing(Segments(txn.path, txn.base)) as segments:
            found = segments.named(wanted)
            missing = [name for name in wanted if name not in found]
            if missing and not missing_ok:
                others = f" (nor {len(missing) - 1} of the others)" if len(missing) > 1 else ""
                raise InvalidInput("delete", f"the index has no document {missing[0]!r}{others}; nothing was deleted")
            if found:
                txn.commit(
                    replace(txn.base, segments=buried(txn, segments, settings, chain.from_iterable(found.values())))
                )
    return len(found)
