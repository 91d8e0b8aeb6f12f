"""`spaniel model export`."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .console import Console, with_console
from .sizes import quantity

__all__ = ["export", "model_source"]


@click.command()
@click.argument("model")
@click.argument("out", required=False)
@click.option("--pooling", type=click.Choice(["mean", "cls", "last"]), help="Tokens' vectors to one [the model's].")
@click.option(
    "--head", type=click.Choice(["pool", "classify", "hidden"]), help="One vector a text [pool], logits, or tokens."
)
@click.option("--precision", type=click.Choice(["fp32", "int8", "both"]), help="Graphs to write [fp32].")
@with_console
def export(console: Console, model: str, out: str | None, **options: Any) -> None:
    """Write a model as an ONNX graph, without torch.

    MODEL is a folder in hub format (config.json, tokenizer.json, model.safetensors) of a model of the BERT family, a
    known name, or hub:owner/name. OUT gets the graph, pooling and normalisation inside, and the files that belong to
    it; by default it is the folder, or the last part of the name, with `-onnx` put after it. An export
    that is there already is left as it is. An int8 graph is compared with the fp32 one on a sample of texts, and
    refused if they are too far apart.
    """
    from spaniel.models.graph.export import export as write_graphs

    start = time.perf_counter()
    with console.progress() as line:
        source, default = model_source(model, lambda stage: line.update(stage, 0, 0))
        given = {name: value for name, value in options.items() if value is not None}
        exported = write_graphs(
            source, Path(out) if out else default, on_progress=lambda stage: line.update(stage, 0, 0), **given
        )
    seconds = time.perf_counter() - start
    graphs = {path.name: path.stat().st_size for path in sorted(exported.path.glob("*.onnx*"))}
    sizes = ", ".join(f"{name} {quantity(size)}" for name, size in graphs.items())
    found = {"path": str(exported.path), "graphs": graphs, "manifest": dict(exported.manifest)}
    parity = exported.manifest.get("parity")
    near = f"; int8 to fp32: {_told(parity)}" if isinstance(parity, dict) else ""
    console.emit({**found, "seconds": round(seconds, 3)}, f"{exported.path}: {sizes}, {seconds:.1f} s{near}")


def _told(parity: dict[str, Any]) -> str:
    """What the gate of int8 measured."""
    told = f"{parity['measure']} at least {parity['least']:.4f}"
    return f"{told}, nDCG@10 of its ranking {parity['ranking']['ndcg@10']:.4f}" if "ranking" in parity else told


def model_source(model: str, say: Callable[[str], None]) -> tuple[Path, Path]:
    """(folder of the model, where its export goes by itself: beside a folder, for a name into the present one)."""
    if not model.strip():
        raise click.UsageError("MODEL is empty; name a folder, or hub:owner/name")
    folder = Path(model.rstrip("/") or "/")
    if folder.is_dir():
        beside = folder if folder.name not in ("", "..") else folder.resolve()
        return folder, beside.parent / f"{folder.resolve().name}-onnx"
    from spaniel.models.hub import locate
    from spaniel.retrieval.cache import cache_folder

    found = locate(model, cache=cache_folder(), on_progress=say)
    return found.folder, Path(f"{found.name}-onnx")
