"""`spaniel index delete|optimize|info|verify`."""

import time
from typing import Any

import click

from . import values
from .console import Console, printable, with_console
from .sizes import index_size, quantity

__all__ = ["delete", "info", "optimize", "verify"]


@click.command()
@click.argument("index")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@click.option("--missing-ok", is_flag=True, help="Ids that the index does not have are no error.")
@with_console
def delete(console: Console, index: str, ids: tuple[str, ...], missing_ok: bool) -> int:
    """Delete documents by id.

    An id that the index does not have is an error, and nothing is deleted then. With --missing-ok the exit code is 1
    when none of the ids was there. No search finds what was deleted, and `optimize` takes it off the disk.
    """
    from spaniel.index.edit import delete as delete_from_index

    n_deleted = delete_from_index(index, ids, missing_ok=missing_ok)
    console.emit({"deleted": n_deleted, "asked": len(ids)}, f"{n_deleted:,} of {len(ids):,} deleted")
    return 0 if n_deleted else 1


@click.command()
@click.argument("index")
@click.option("--reorder/--no-reorder", default=True, help="Put similar passages side by side, or keep their order.")
@click.option(
    "--memory",
    "memory_bytes",
    metavar="SIZE",
    default="2G",
    show_default=True,
    callback=values.read_by(values.memory),
    help="How much to hold for that; less makes a slightly worse order.",
)
@with_console
def optimize(console: Console, index: str, reorder: bool, memory_bytes: int) -> None:
    """Merge segments and drop what was deleted.

    Similar passages are put side by side, which makes searches faster, takes longer, and changes no result. Readers go
    on with what they opened.
    """
    from spaniel.index.index import open_index
    from spaniel.index.optimize import optimize as optimize_index

    with open_index(index) as before:
        n_before = before.info()["segments"]
    start = time.perf_counter()
    with console.progress() as line:
        optimize_index(
            index,
            reorder=reorder,
            memory_bytes=memory_bytes,
            on_progress=lambda p: line.update(p.stage, p.documents, p.total_bytes, p.documents),
        )
    seconds = time.perf_counter() - start
    with open_index(index) as after:
        info = after.info()
    text = f"{index}: {n_before} segments are now {info['segments']}, {index_size(info)}, {seconds:.1f} s"
    console.emit({"path": index, **info, "seconds": round(seconds, 3)}, text)


@click.command()
@click.argument("index")
@with_console
def info(console: Console, index: str) -> None:
    """Say what is in an index.

    Passages, documents, segments, and the bytes of each part.
    """
    from spaniel.index.index import open_index

    with open_index(index) as opened:
        found = opened.info()
    console.emit(found, "\n".join(_lines(_readable(found))))


@click.command()
@click.argument("index")
@with_console
def verify(console: Console, index: str) -> int:
    """Read every byte and check it.

    Exits with 1 when something is damaged, and names each file.
    """
    from spaniel.index.check import verify as verify_index

    report = verify_index(index)
    problems = [{"file": str(problem.file), "reason": problem.reason} for problem in report.problems]
    lines = [printable(f"{problem['file']}: {problem['reason']}") for problem in problems]
    text = "\n".join(lines) if problems else f"{index}: whole"
    console.emit({"ok": report.ok, "problems": problems}, text)
    return 0 if report.ok else 1


def _readable(found: dict[str, Any]) -> dict[str, Any]:
    """The same with a line for each model, in place of all that is known of it."""
    models = {model["name"]: _in_words(model["model"], model["store"], model.get("query")) for model in found["models"]}
    settings = {name: value for name, value in found["settings"].items() if name != "dense"}
    return {**found, "models": models or "", "settings": settings}


def _in_words(model: dict[str, Any], store: dict[str, Any], query: dict[str, Any] | None) -> str:
    """`384 dimensions of minilm (fp32), kept as binary (learned), int8 behind it`, and who asks if it is another."""
    codes = f" ({store['codes']}{', with factor' if store['factor'] else ''})" if store["kind"] == "binary" else ""
    behind = f", {store['rescore']} behind it" if store["rescore"] != "none" else ""
    if model["runtime"] == "vectors":
        return f"{model['dimension']} dimensions, made elsewhere, kept as {store['kind']}{codes}{behind}"
    made = f"{model['dimension']} dimensions of {model['source']} ({model['precision']})"
    asked = f", asked by {query['source']} ({query['precision']})" if query else ""
    return f"{made}, kept as {store['kind']}{codes}{behind}{asked}"


def _lines(found: dict[str, Any], indent: str = "") -> list[str]:
    """`name  value` lines; parts of a mapping are indented, sizes made readable."""
    lines = []
    width = max(map(len, found), default=0) + 2
    for name, value in found.items():
        if isinstance(value, dict):
            shown = {part: quantity(n) if name == "bytes" else n for part, n in value.items()}
            lines += [f"{indent}{name}", *_lines(shown, indent + "  ")]
        else:
            text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
            lines.append(printable(f"{indent}{name:<{width}}{text or '-'}"))
    return lines
