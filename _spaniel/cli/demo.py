"""`spaniel demo`: from nothing to a searched index in a few seconds."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import Console, with_console
from .sizes import index_size

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["demo"]

_QUESTIONS: list[tuple[str, dict[str, Any] | None]] = [
    ("create a temporary directory", None),
    ("how do I decode json?", None),
    ("how does operator precedence work?", {"kind": "topic"}),
    ("wait for several tasks to finish", {"kind": "class"}),
]
_SHOWN = 3


@click.command()
@click.option(
    "--dir",
    "folder",
    metavar="FOLDER",
    default="demo-index",
    show_default=True,
    help="Folder to make; made anew if there.",
)
@with_console
def demo(console: Console, folder: str) -> int:
    """Index the documentation inside the Python installation and search it.

    The documents go to FOLDER/python.jsonl, the index to FOLDER/kb; both stay, to be tried further.
    """
    home = Path(folder)
    source, path = home / "python.jsonl", home / "kb"
    home.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    n_written = _write_documents(source)
    console.note(f"{source}: {n_written:,} documents from this Python's documentation ({_since(start)})")

    from spaniel.index.build import build

    start = time.perf_counter()
    with console.progress() as line:
        index = build(
            [str(source)],
            path,
            columns={"kind": "text"},
            overwrite=True,
            on_progress=lambda p: line.update(p.stage, p.bytes_read, p.total_bytes, p.documents),
        )
    seconds = time.perf_counter() - start
    with index:
        info = index.info()
        console.note(f"{path}: {info['passages']:,} passages, {index_size(info)}, built in {seconds:.2f} s\n")
        found = [_ask(console, index, question, where) for question, where in _QUESTIONS]
    console.emit({"index": str(path), "info": info, "build_seconds": round(seconds, 3), "searches": found})
    console.note(_next_steps(source, path))
    return 0 if all(result["hits"] for result in found) else 1


def _write_documents(path: Path) -> int:
    """Write the documents, one JSON object a line; how many there are."""
    from spaniel.retrieval.atomic import written_whole

    from .demo_docs import help_topics, library_docs

    n_written = 0
    with written_whole(path) as out:
        for entries in (help_topics(), library_docs()):
            for entry in entries:
                # Some docstrings hold lone surrogates on purpose; UTF-8 cannot.
                out.write(json.dumps(entry.record()) + "\n")
                n_written += 1
    return n_written


def _ask(console: Console, index: "Index", question: str, where: dict[str, Any] | None) -> dict[str, Any]:
    """Search once for warmth, once for the clock, and show the best."""
    from .show import plain_lines, show_on_terminal

    index.search(question, k=_SHOWN, where=where)
    results = index.search(question, k=_SHOWN, where=where)
    if not console.json:
        restricted = f"   --where '{json.dumps(where)}'" if where else ""
        console.emit(None, f"{click.style(question, bold=True)}{restricted}   {results.ms:.2f} ms")
        if console.rich:
            show_on_terminal(results)
        else:
            console.emit(None, "\n".join(plain_lines(results)))
        click.echo()
    return results.to_dict()


def _since(start: float) -> str:
    return f"{time.perf_counter() - start:.1f} s"


def _next_steps(source: Path, path: Path) -> str:
    # Right after `make demo` the command is not on the PATH yet.
    spaniel = "spaniel" if shutil.which("spaniel") else f"{Path(sys.executable).parent}/spaniel"
    return "\n".join(
        [
            "Try next:",
            f"  {spaniel} search {path} 'sort a list by several keys' --explain",
            f"  {spaniel} search {path} 'sort' --where '{{\"kind\": \"function\"}}' -k 5 --json",
            f"  {spaniel} index info {path}",
            f"  {spaniel} index build YOUR-FOLDER kb        # .jsonl, .csv, .tsv, .txt, .md, .html (see {source})",
        ]
    )
