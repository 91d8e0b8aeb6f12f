"""`spaniel demo`: from nothing to a cited answer, with vectors where a model is at hand, in less than a minute."""

import json
import shutil
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from spaniel.retrieval.errors import MissingExtra, ModelError

from .console import Console, with_console
from .dense_options import open_model
from .index_build import show_progress
from .sizes import counted, index_size

if TYPE_CHECKING:
    from spaniel.index.index import Index
    from spaniel.models.encoders.base import Encoder

__all__ = ["demo"]

_QUESTIONS: list[tuple[str, dict[str, Any] | None]] = [
    ("create a temporary directory", None),
    ("how do I decode json?", None),
    ("how does operator precedence work?", {"kind": "topic"}),
    ("wait for several tasks to finish", {"kind": "class"}),
    ("guess what kind of file this is", None),  # words alone miss what vectors find
]
_ASKED = "how do I create a temporary directory?"
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
@click.option("--dense/--no-dense", default=True, help="Encode it too, if a model is on this machine, or words alone.")
@with_console
def demo(console: Console, folder: str, dense: bool) -> int:
    """Index the documentation inside the Python installation, search it and ask it.

    The documents go to FOLDER/python.jsonl, the index to FOLDER/kb; both stay, to be tried further. With vectors, which
    take most of the time, searches are hybrid; without a model on this machine they are of words alone.
    """
    home = Path(folder)
    source, path = home / "python.jsonl", home / "kb"
    home.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    n_written = _write_documents(source)
    console.note(f"{source}: {n_written:,} documents from this Python's documentation ({_since(start)})")

    from spaniel.index.build import build

    start = time.perf_counter()
    with _model(console) if dense else nullcontext() as encoder, console.progress() as line:
        index = build(
            [str(source)],
            path,
            columns={"kind": "text"},
            dense=encoder,
            overwrite=True,
            on_progress=partial(show_progress, console, line),
        )
    seconds = time.perf_counter() - start
    with index:
        info = index.info()
        console.note(f"{path}: {counted(info['passages'], 'passage')}, {index_size(info)}, built in {seconds:.2f} s\n")
        found = [_search(console, index, question, where) for question, where in _QUESTIONS]
        answer = _answer(console, index)
    told = {"index": str(path), "info": info, "build_seconds": round(seconds, 3), "searches": found, "answer": answer}
    console.emit(told)
    console.note(_next_steps(source, path))
    return 0 if all(result["hits"] for result in found) and answer["citations"] else 1


def _model(console: Console) -> "AbstractContextManager[Encoder | None]":
    """The model in int8, which halves the time; None where there is none, for a demo fetches nothing."""
    try:
        return open_model(console, "minilm", {"precision": "int8", "offline": True})
    except (MissingExtra, ModelError) as error:
        console.note(f"words alone, no vectors: {error}" + (f" ({error.hint})" if error.hint else ""))
        return nullcontext()


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


def _search(console: Console, index: "Index", question: str, where: dict[str, Any] | None) -> dict[str, Any]:
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


def _answer(console: Console, index: "Index") -> dict[str, Any]:
    """Ask a question, by the embedded generator, and show the answer with what it cites."""
    from spaniel.rag.engine.engine import Engine

    from .show_answer import answer_lines, tell_abstention

    answer = Engine(index).ask(_ASKED)
    if not console.json:
        console.emit(None, f"{click.style(_ASKED, bold=True)}   answered in {answer.ms:.2f} ms")
        console.emit(None, "\n".join(answer_lines(answer, width=console.width)))
        tell_abstention(console, answer)
        click.echo()
    return answer.to_dict()


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
            f"  {spaniel} search {path} 'guess what kind of file this is' --retriever bm25    # words alone",
            f"  {spaniel} ask {path} 'what does operator precedence mean?'",
            f"  {spaniel} ask {path} 'how do I remove a directory tree?' --llm http://localhost:8000/v1 --model NAME",
            f"  {spaniel} index info {path}",
            f"  {spaniel} index build YOUR-FOLDER kb        # .md, .pdf, .docx, .html, .jsonl, code (see {source})",
        ]
    )
