"""`spaniel rerank export`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import Console, with_console
from .model_export import model_source
from .sizes import quantity

if TYPE_CHECKING:
    from spaniel.models.pair_ranking import JudgedQuery

__all__ = ["export"]

_COUNT = click.IntRange(min=1)


@click.command()
@click.argument("model")
@click.argument("out", required=False, metavar="[DIR]")
@click.option("--int8", is_flag=True, help="Write an int8 graph too, if it ranks as fp32 does.")
@click.option("--max-length", type=_COUNT, metavar="N", help="Tokens of a pair [what the model's files say].")
@click.option("--check", metavar="COLLECTION", help="Compare int8 with fp32 by the judgements of a collection too.")
@click.option("--check-queries", type=_COUNT, default=50, show_default=True, metavar="N", help="Queries of --check.")
@click.option("--check-depth", type=_COUNT, default=20, show_default=True, metavar="N", help="BM25 passages of each.")
@with_console
def export(
    console: Console,
    model: str,
    out: str | None,
    int8: bool,
    max_length: int | None,
    check: str | None,
    check_queries: int,
    check_depth: int,
) -> None:
    """Write a cross-encoder as an ONNX graph, without torch.

    MODEL is a folder in hub format (config.json with one label, tokenizer.json, model.safetensors) of a model of the
    BERT family, such as cross-encoder/ms-marco-MiniLM-L6-v2, or hub:owner/name. DIR gets the graph and the files that
    belong to it; by default it is the folder, or the last part of the name, with `-onnx` put after it. An export that
    is there already is left as it is.

    int8 is compared with fp32 on a sample of pairs: correlation, Kendall's tau, and nDCG@10 with the fp32 ranking as
    the truth; with --check, by nDCG@10 on BM25's passages for the queries of a collection. Too far apart, and nothing
    is written.
    """
    from spaniel.models.hub import UnknownModel
    from spaniel.rerank.cross_encoders.open import WHERE_FROM
    from spaniel.rerank.export import export_cross_encoder

    if check is not None and not int8:
        raise click.UsageError("--check compares int8 with fp32; it needs --int8")
    start = time.perf_counter()
    with console.progress() as line:
        try:
            source, default = model_source(model, lambda stage: line.update(stage, 0, 0))
        except UnknownModel as error:
            error.hint = WHERE_FROM
            raise
        judged = _judged(console, check, check_queries, check_depth) if check is not None else []
        exported = export_cross_encoder(
            source,
            Path(out) if out else default,
            int8=int8,
            max_length=max_length,
            judged=judged,
            on_progress=lambda stage: line.update(stage, 0, 0),
        )
    seconds = time.perf_counter() - start
    graphs = {path.name: path.stat().st_size for path in sorted(exported.path.glob("*.onnx*"))}
    sizes = ", ".join(f"{name} {quantity(size)}" for name, size in graphs.items())
    found = {"path": str(exported.path), "graphs": graphs, "manifest": dict(exported.manifest)}
    parity = exported.manifest.get("parity")
    near = f"\nint8 to fp32: {_told(parity)}" if isinstance(parity, dict) else ""
    console.emit({**found, "seconds": round(seconds, 3)}, f"{exported.path}: {sizes}, {seconds:.1f} s{near}")


def _judged(console: Console, name: str, queries: int, depth: int) -> "list[JudgedQuery]":
    from spaniel.eval.collections.load import collection
    from spaniel.rag.pipelines.judged import judged_queries
    from spaniel.retrieval.cache import cache_folder

    return judged_queries(collection(name), cache=cache_folder(), queries=queries, depth=depth)


def _told(parity: dict[str, Any]) -> str:
    """What the gate of int8 measured."""
    ranking = parity["ranking"]
    told = (
        f"correlation {parity['least']:.4f}, Kendall's tau {ranking['kendall']:.4f}, "
        f"nDCG@10 of its ranking {ranking['ndcg@10']:.4f}"
    )
    if (judged := parity.get("judged")) is None:
        return told
    return f"{told}; over {judged['queries']} judged queries nDCG@10 {judged['int8']:.4f}, fp32 {judged['fp32']:.4f}"
