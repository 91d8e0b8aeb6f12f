"""From an index's settings and open segments to a retriever over one of its dense parts."""

from collections.abc import Mapping
from pathlib import Path

from spaniel.index.open_segment import OpenSegment
from spaniel.index.segments import Segments
from spaniel.models.encoders.base import Encoder
from spaniel.retrieval.errors import InvalidInput

from .asking import Device, OpenEncoders, QueryModel
from .faiss_gpu import on_gpu
from .languages import FOREIGN, reads_only
from .part import DensePart, Tunable
from .retriever import DenseRetriever, DenseSegment
from .segment_parts import part_name
from .settings import FLAT, DenseSettings, StoreSettings

__all__ = ["Device", "OpenEncoders", "QueryModel", "chosen_name", "dense_retriever"]


def chosen_name(known: Mapping[str, DenseSettings], name: str | None) -> str:
    """The name itself, or that of the part that was added first.

    Raises:
        InvalidInput: there is none.
    """
    if not known:
        raise InvalidInput("dense", "the index has no dense part", hint="spaniel index add-dense INDEX MODEL")
    if name is None:
        return next(iter(known))
    if name not in known:
        raise InvalidInput("dense", f"the index has no dense part {name!r}; it has {', '.join(known)}")
    return name


def dense_retriever(
    path: Path,
    segments: Segments,
    known: Mapping[str, DenseSettings],
    encoders: OpenEncoders,
    name: str | None,
    k: int,
    *,
    analyzer: str | None,
    encoder: Encoder | None,
    query_model: QueryModel | None,
    candidates: int,
    nprobe: int | None,
    ef: int | None,
    threads: int | None,
    device: Device,
) -> DenseRetriever:
    """See `Index.dense`; `analyzer` is the name of the one for its texts."""
    name = chosen_name(known, name)
    settings, where = known[name], f"{path} ({part_name(name)})"
    _check_options(settings.store, nprobe, ef, device)
    if encoder is None and query_model is not None:
        encoder = encoders.over(settings.model, query_model, device, where)
    return DenseRetriever(
        [_segment(each, name, settings.store, nprobe, ef, device) for each in segments],
        settings.model,
        encoder=encoder,
        open_encoder=lambda _: encoders.asking_for(settings, device, path, name),
        where=where,
        depth=k,
        candidates=candidates,
        passages=segments,
        matching=segments.matching,
        threads=threads,
        doubt=FOREIGN if reads_only(settings.model, analyzer) else 1.0,
        name="binary" if settings.store.kind == "binary" else "dense",
    )


def _segment(
    segment: OpenSegment, name: str, store: StoreSettings, nprobe: int | None, ef: int | None, device: Device
) -> DenseSegment:
    part: DensePart = segment.dense(name)
    path = segment.passages.path.parent / segment.record.files[part_name(name)].name
    if isinstance(part, Tunable) and (nprobe is not None or ef is not None):
        part = part.tuned(nprobe=nprobe, ef=ef)
    if device == "cuda" and store.kind in FLAT:
        part = on_gpu(part)
    return DenseSegment(part, segment.record.first_ordinal, segment.row_ordinals, segment.live_rows, path)


def _check_options(store: StoreSettings, nprobe: int | None, ef: int | None, device: Device) -> None:
    if device not in ("cpu", "cuda"):
        raise InvalidInput("device", f"{device!r} is neither cpu nor cuda")
    for option, value, has in (
        ("nprobe", nprobe, store.kind == "ivf" or (store.kind == "binary" and store.lists > 0)),
        ("ef", ef, store.kind == "hnsw"),
    ):
        if value is None:
            continue
        if not has:
            raise InvalidInput(option, f"means nothing to a store of kind {store.kind!r} with {store.lists} lists")
        if type(value) is not int or not 1 <= value <= 1 << 20:
            raise InvalidInput(option, f"{value!r} must be a whole number from 1 to {1 << 20}")
