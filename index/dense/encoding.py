"""Encoding the passages of a new segment: which encoders an index needs, and the dense parts they make."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from spaniel.index.fs import FS
from spaniel.index.manifest import FileEntry
from spaniel.index.passages import Passages
from spaniel.index.progress import Progress, Reporter
from spaniel.index.store import Transaction
from spaniel.models.card import ModelCard, check_same
from spaniel.models.encoders.base import Encoder
from spaniel.models.text import passage_text
from spaniel.retrieval.errors import InvalidInput

from .embeddings import EmbeddingCache, embed
from .given_vectors import GivenVectors
from .part import DensePart, Vectors
from .segment_parts import write_part
from .settings import Codes, DenseSettings, StoreSettings, as_trained, checked_name

__all__ = [
    "NOTHING",
    "Encoding",
    "Given",
    "Model",
    "Store",
    "encoders_for",
    "going_on",
    "new_dense",
    "opened",
    "partial_vectors",
]

Model: TypeAlias = str | Path | ModelCard | Encoder
Store: TypeAlias = str | StoreSettings
Given: TypeAlias = Encoder | Mapping[str, Encoder] | None
"""An encoder for every dense part it fits, or one for each name."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the dense parts of new segments come about.

    Attributes:
        encoders: for each dense part of the index, by its name, unless its vectors are given.
        cache: folder that keeps vectors beyond this command; None for the working folder of the transaction.
    """

    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    cache: Path | None = None
    given: Mapping[str, GivenVectors] = field(default_factory=dict)

    def parts(
        self,
        txn: Transaction,
        passages: Path,
        settings: Mapping[str, DenseSettings],
        *,
        first: int,
        n_passages: int,
        like: Mapping[str, DensePart],
        report: Reporter,
    ) -> dict[str, FileEntry]:
        """Name -> file of each dense part of a new segment with the ordinals from `first` on.

        Rows that have no passage any more, because another one of the same id took its place, get that of a neighbour.

        Args:
            passages: the finished file of the segment's passages.
            like: parts of the same names in older segments.

        Raises:
            InvalidInput: a passage has none of the given vectors.
        """
        written = {}
        for name, dense in settings.items():
            if name in self.given:
                vectors: Vectors = self.given[name].of_new(_ids(passages, first), n_passages)
            else:
                folder, fs = partial_vectors(txn, self.cache)
                with EmbeddingCache(folder, dense.model, fs) as cache:
                    if fs is not None and len(cache):
                        report(going_on(len(cache), n_passages))
                    done = _Told(report, n_passages)
                    vectors = embed(_texts(passages, first), n_passages, self.encoders[name], cache, done)
            written[name] = write_part(txn, name, dense, vectors, like=like.get(name))
        return written


_GIVE_OR_DROP = (
    'give them too, from Python: add(..., vectors={{"{name}": (ids, array)}}); or do without: '
    "spaniel index drop-dense {where} {name}"
)

NOTHING = Encoding()
"""For an index without dense parts."""


def going_on(n_encoded: int, n_passages: int) -> Progress:
    """Says how many texts an interrupted command has left encoded."""
    note = f"going on after {n_encoded:,} texts that were encoded before"
    return Progress("encoding", 0, total_documents=n_passages, note=note)


def partial_vectors(txn: Transaction, cache: Path | None) -> tuple[Path, FS | None]:
    """(folder for the vectors of an unfinished command, what to write there with): `cache` if there is one, which is
    no part of the index, else under `partial/`."""
    return (cache, None) if cache is not None else (txn.partial_path, txn.fs)


def new_dense(card: ModelCard, name: str | None, store: Store, codes: Codes | None = None) -> tuple[str, DenseSettings]:
    """(name, settings) of a dense part to be made with this model; the name is the model's where none is given.

    Args:
        codes: that the model was trained for, where the store names none.

    Raises:
        InvalidInput: a name or store that cannot be.
    """
    kept = StoreSettings(kind=store) if isinstance(store, str) else store  # type: ignore[arg-type]
    if not isinstance(kept, StoreSettings):
        raise InvalidInput("store", f"is {store!r}; give the name of a kind, or StoreSettings")
    return checked_name(_name_of(card) if name is None else name), DenseSettings(card, as_trained(kept, codes))


@contextmanager
def opened(model: Model, threads: int | None = None) -> Iterator[Encoder]:
    """The encoder that is meant; one that was opened for this is closed at the end.

    Args:
        threads: of one that is opened here; None for one a core.

    Raises:
        InvalidInput, ModelError, MissingExtra: it cannot be opened.
    """
    if isinstance(model, Encoder):
        yield model
        return
    if isinstance(model, ModelCard) and model.runtime == "vectors":
        raise InvalidInput(
            "dense", f"the vectors of {model.name!r} were made elsewhere, and nothing here can encode more"
        )
    from spaniel.models.encoders.open import open_encoder  # type: ignore[import-untyped, unused-ignore]

    with open_encoder(model, threads=threads) as encoder:
        yield encoder


@contextmanager
def encoders_for(
    settings: Mapping[str, DenseSettings],
    given: Given,
    where: str,
    without: Collection[str] = (),
    *,
    threads: int | None = None,
) -> Iterator[dict[str, Encoder]]:
    """An encoder for each dense part of an index: what is given for it, else opened from the model's card.

    Args:
        without: parts that need none.
        threads: of those that are opened here; None for one a core.

    Raises:
        ModelError: a single encoder fits none of the parts, one given by name does not fit, or a model is not what it
            was.
        InvalidInput: a name that no part has, or a model that cannot be opened.
        MissingExtra: a model cannot be opened.
    """
    chosen = _chosen(settings, given, where)
    with ExitStack() as stack:
        found: dict[str, Encoder] = {}
        for name, dense in settings.items():
            if name in without:
                continue
            if dense.model.runtime == "vectors" and name not in chosen:
                reason = f"the vectors of {name!r} were made elsewhere, and nothing here can encode more"
                raise InvalidInput("dense", reason, hint=_GIVE_OR_DROP.format(name=name, where=where))
            encoder = chosen[name] if name in chosen else stack.enter_context(opened(dense.model, threads))
            check_same(dense.model, encoder.card, where, queries=False)
            found[name] = encoder
        yield found


def _chosen(settings: Mapping[str, DenseSettings], given: Given, where: str) -> Mapping[str, Encoder]:
    """Name -> encoder, of the parts that were given one."""
    if isinstance(given, Encoder):
        fits = {
            name: given for name, dense in settings.items() if not dense.model.differences(given.card, queries=False)
        }
        if settings and not fits:
            check_same(next(iter(settings.values())).model, given.card, where, queries=False)
        return fits
    if unknown := sorted(set(given or {}) - set(settings)):
        there = ", ".join(settings) or "none"
        raise InvalidInput("encoder", f"{where} holds no vectors called {unknown[0]!r}; there are: {there}")
    return given or {}


def _ids(passages: Path, first: int) -> list[tuple[int, str]]:
    """(row, id) of every passage in a file."""
    store = Passages(passages)
    try:
        return [(ordinal - first, passage.id) for ordinal, passage in store.scan()]
    finally:
        store.close()


def _texts(passages: Path, first: int) -> Iterator[tuple[int, str]]:
    """(row, text to encode) of every passage in a file."""
    store = Passages(passages)
    try:
        for ordinal, passage in store.scan():
            yield ordinal - first, passage_text(passage.title, passage.text)
    finally:
        store.close()


class _Told:
    """Passes on how many rows are done, as progress."""

    def __init__(self, report: Reporter, total: int) -> None:
        self._report, self._total = report, total

    def __call__(self, n_done: int) -> None:
        self._report(Progress("encoding", n_done, total_documents=self._total))


def _name_of(card: ModelCard) -> str:
    """A name from the model's: the last part of a path, in the letters a name may have."""
    last = card.name.rstrip("/").rpartition("/")[2].lower()
    name = re.sub("[^a-z0-9]+", "_", last).strip("_")
    return (name if name[:1].isalpha() else f"m_{name}")[:32].rstrip("_")
