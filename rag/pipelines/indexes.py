"""The index that a pipeline searches when a collection is evaluated: built once, kept in the cache.

An index is known by the hash of what decides its content (corpus, fields, language, versions of format, analyser and
stemmer, the model of its vectors and how they are kept, and the code itself in a checkout that is installed to be
edited), so that one command after another, and one
pipeline beside another, search the same. It is built in its place: killed or interrupted, the same command goes on, and
until it is whole there is none. One process builds an index at a time (a lock beside its folder); another that needs
the same waits for it. Beside it `build.json` says how long the build took; null when it was interrupted in between,
since then nobody knows.
"""

import fcntl
import json
import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import Stemmer

from spaniel.eval.cache import digest
from spaniel.eval.fingerprint import code_fingerprint
from spaniel.eval.writing import writing
from spaniel.index.analysis.spec import ANALYZER_VERSION
from spaniel.index.build import build
from spaniel.index.dense.asking import QueryModel, identity_of_queries
from spaniel.index.dense.embeddings import identity_of
from spaniel.index.index import Index, open_index
from spaniel.index.manifest import FORMAT_VERSION
from spaniel.index.progress import Progress
from spaniel.models.encoders.base import Encoder
from spaniel.retrieval.atomic import written_whole
from spaniel.retrieval.errors import IndexCorrupt, IndexNotFound, IndexTooNew, IndexTooOld, InvalidInput
from spaniel.retrieval.types import JSON

from .cached import check_unchanged, discard, fingerprint
from .models import encoder_of, models_of
from .spec import IndexSpec

if TYPE_CHECKING:
    from spaniel.eval.collections import Collection

__all__ = ["BuiltIndex", "cached_index", "opened_index"]


@dataclass(frozen=True, slots=True)
class BuiltIndex:
    """An open index and what is known of how it came to be.

    Attributes:
        identity: equal only for equal content; stays when the same index is built again.
        fields: `flat`, `multifield`, or fields with their weights.
        language: of its text analysis; None when it has none.
        build_s: seconds the build took; None when nobody knows.
    """

    index: Index
    identity: str
    fields: str
    language: str | None
    build_s: float | None

    def card(self) -> dict[str, JSON]:
        """What stands in a run card."""
        models = models_of(self.index)
        plain: dict[str, JSON] = {"identity": self.identity, "fields": self.fields, "language": self.language}
        return plain | ({"models": models} if models else {})

    def asked_by(self, query_model: QueryModel) -> "BuiltIndex":
        """The same index, opened anew with a query model in place of what it says; this one is closed.

        Raises:
            InvalidInput, ModelError, MissingExtra: see `open_index`.
        """
        self.index.close()
        index = open_index(self.index.path, query_model=query_model)
        asking = [f"{name}={identity_of_queries(card)}" for name, card in index.query_models.items()]
        return replace(self, index=index, identity=":".join([self.identity, *asking]))


def opened_index(path: str | Path) -> BuiltIndex:
    """An index that is there already, for `--index`."""
    index = open_index(path)
    settings = index.settings
    fields = ",".join(f"{name}:{weight:g}" for name, weight in settings.fields.items())
    label = {"contents:1": "flat", "title:1,text:1": "multifield"}.get(fields, fields)
    language = settings.analyzer.name if settings.analyzer else None
    return BuiltIndex(index, index.passages.identity, label, language, None)


def cached_index(
    collection: "Collection",
    spec: IndexSpec,
    *,
    cache: Path,
    language: str | None = None,
    threads: int = 1,
    on_progress: Callable[[Progress], None] | None = None,
) -> BuiltIndex:
    """The index of a collection that a pipeline needs: from the cache, or built into it now.

    Args:
        language: of text analysis where the pipeline does not say; by default the collection's own.
        threads: with two or more, text is analysed while the next is read.

    Raises:
        InvalidInput: the corpus or a setting cannot be used.
    """
    language = spec.language or language or collection.info.language or "english"
    wanted: dict[str, JSON] = {
        "corpus": collection.sha256["corpus"],
        "fields": {**spec.weights},
        "language": language,
        "format": FORMAT_VERSION,
        "analyzer": ANALYZER_VERSION,
        "stemmer": Stemmer.version(),
        "sources": code_fingerprint("index"),
    }
    with encoder_of(spec) as encoder:
        if encoder is not None:
            wanted |= {"model": identity_of(encoder.card), "store": spec.kept.to_json()}
            if encoder.card.query_sha256:  # the same vectors, and other questions
                wanted["asks"] = identity_of_queries(encoder.card)
        key = digest(wanted)[:24]
        folder = cache / "indexes" / key
        index = _whole(folder)
        if index is None:
            _refuse_duplicates(collection, spec, language)
            with writing(folder), _alone(folder, on_progress):
                index = _whole(folder, on_progress, repair=True)
                if index is None:
                    index = _built(collection, spec, folder, language, threads, on_progress, encoder)
    return BuiltIndex(index, key, spec.label, language, _build_seconds(folder))


def _whole(
    folder: Path, on_progress: Callable[[Progress], None] | None = None, *, repair: bool = False
) -> Index | None:
    """The index in the cache; None when there is none or it is damaged.

    With `repair`, which needs the lock, what is damaged is removed, and this is said.
    """
    try:
        index = open_index(folder / "index")
        try:
            check_unchanged(folder)
        except BaseException:
            index.close()
            raise
        return index
    except IndexNotFound:
        return None
    except (IndexCorrupt, IndexTooNew, IndexTooOld) as error:
        if not repair:
            return None
        if on_progress is not None:
            on_progress(Progress("reading", note=f"an index in the cache is built anew: {error}"))
        discard(folder)
        return None


def _refuse_duplicates(collection: "Collection", spec: IndexSpec, language: str) -> None:
    """Say what to do about documents that share an id, before anything is read."""
    n = collection.counts["duplicate_documents"]
    if not n:
        return
    words = ["spaniel", "index", "build", str(collection.path), "kb", "--on-duplicate", "skip"]
    words += ["--language", language] if language != "english" else []
    if "contents" not in spec.weights:
        words += ["--fields", ",".join(f"{name}:{weight:g}" for name, weight in spec.weights.items())]
    raise InvalidInput(
        str(collection.path),
        f"{n:,} documents have an id that stood there before",
        hint=f"keep the first of each id with `{shlex.join(words)}`, then give the same command `--index kb`",
    )


@contextmanager
def _alone(folder: Path, on_progress: Callable[[Progress], None] | None) -> Iterator[None]:
    """Hold the lock of an index; who has to wait is told so."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_progress is not None:
                on_progress(Progress("waiting", note="another process is building this index; waiting for it"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _built(
    collection: "Collection",
    spec: IndexSpec,
    folder: Path,
    language: str,
    threads: int,
    on_progress: Callable[[Progress], None] | None,
    encoder: Encoder | None,
) -> Index:
    """Build it in its place. Vectors lie beside all indexes, under the model: another store encodes nothing anew."""
    notes: list[str] = []

    def watch(progress: Progress) -> None:
        notes.extend(filter(None, [progress.note]))
        if on_progress is not None:
            on_progress(progress)

    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    index = build(
        [collection.path],
        folder / "index",
        language=language,
        fields=spec.weights,
        threads=min(threads, 2),
        dense=encoder,
        store=spec.kept,
        embedding_cache=folder.parent.parent / "embeddings" if encoder is not None else None,
        on_progress=watch,
    )
    seconds = time.perf_counter() - start
    if len(index) != collection.counts["documents"]:
        found = f"its index holds {len(index):,} documents, the collection {collection.counts['documents']:,}"
        raise InvalidInput(str(collection.path), found)
    with written_whole(folder / "build.json") as out:
        said = {"build_s": None if notes else seconds, "collection": collection.name, "files": fingerprint(folder)}
        json.dump(said, out)
    return index


def _build_seconds(folder: Path) -> float | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        seconds = json.loads((folder / "build.json").read_text(encoding="utf-8"))["build_s"]
        return float(seconds) if seconds is not None else None
    return None
