"""`spaniel index add-dense|drop-dense`: the vectors of an index."""

import time
from functools import partial
from typing import Any

import click

from .console import Console, with_console
from .dense_options import model_options, open_model, store_of, store_options, tell_cut, tell_language
from .index_build import show_progress
from .sizes import counted, index_size

__all__ = ["add_dense", "drop_dense"]


@click.command(name="add-dense")
@click.argument("index")
@click.argument("model")
@click.option("--name", metavar="NAME", help="What to call these vectors [the model's name].")
@click.option("--overwrite", is_flag=True, help="Replace vectors of this name.")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Threads of the model [all cores].")
@store_options
@model_options
@with_console
def add_dense(console: Console, index: str, model: str, **options: Any) -> None:
    """Encode the passages of an index.

    MODEL is a known name (minilm), a folder in hub format, hub:owner/name, or the URL of an endpoint. The index stays
    as it is until all is encoded; after an interruption the same command goes on where it stopped. An index can hold
    the vectors of several models, each under its name; those added first are searched until others are named.
    """
    from spaniel.index.dense.add_dense import add_dense as encode_index
    from spaniel.index.index import open_index

    store = store_of(options)
    with open_index(index) as there:  # no model is loaded, or even fetched, for an index that is not there
        analyzer = there.settings.analyzer
    threads = options.pop("threads")
    start = time.perf_counter()
    with console.progress() as line, open_model(console, model, options, threads=threads) as encoder:
        if analyzer is not None:
            tell_language(console, encoder.card, analyzer.name)
        opened = encode_index(
            index,
            encoder.card,
            encoder=encoder,
            store=store,
            on_progress=partial(show_progress, console, line),
            **{name: value for name, value in options.items() if value is not None},
        )
        card = encoder.card
        tell_cut(console, encoder)
    seconds = time.perf_counter() - start
    with opened:
        info = opened.info()
        name = options["name"] or [name for name, dense in opened.settings.dense.items() if dense.model == card][-1]
    if (first := next(iter(opened.settings.dense))) != name:
        console.note(f"searches go on with {first!r}; --model {name} asks these vectors")
    made = f"{counted(info['passages'], 'passage')} by {card.name} as {store.kind}"
    text = f"{index}: {made}, {index_size(info)}, {seconds:.1f} s"
    console.emit({"path": index, "name": name, **info, "seconds": round(seconds, 3)}, text)


@click.command(name="drop-dense")
@click.argument("index")
@click.argument("name")
@with_console
def drop_dense(console: Console, index: str, name: str) -> None:
    """Remove the vectors of one model from an index.

    NAME is what `index info` lists. One commit; readers go on with what they opened.
    """
    from spaniel.index.dense.add_dense import drop_dense as drop
    from spaniel.index.index import open_index

    drop(index, name)
    with open_index(index) as opened:
        info = opened.info()
    console.emit({"path": index, "dropped": name, **info}, f"{index}: {name} dropped, {index_size(info)}")
