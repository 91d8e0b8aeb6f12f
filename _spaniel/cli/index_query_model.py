"""`spaniel index query-model`: what encodes the questions that an index is asked."""

import click

from .console import Console, with_console

__all__ = ["query_model"]


@click.command(name="query-model")
@click.argument("index")
@click.argument("model", required=False)
@click.option("--name", metavar="NAME", help="Which vectors, where the index holds several [those added first].")
@click.option("--reset", is_flag=True, help="Back to the model that made the vectors.")
@with_console
def query_model(console: Console, index: str, model: str | None, name: str | None, reset: bool) -> None:
    """Have an index asked by another model.

    MODEL is a folder that `spaniel train` made over the passages of this index: its questions are encoded by it from
    now on, while the vectors stay as they are. A model that makes other vectors of passages is an error. One commit,
    of the manifest alone; readers go on with what they opened. `search --query-model` tries one without this.
    """
    if (model is None) != reset:
        raise click.UsageError("give a MODEL, or --reset, one of the two")
    from spaniel.index.dense.of_index import chosen_name
    from spaniel.index.index import open_index
    from spaniel.index.query_model import set_query_model

    with console.progress() as line:
        line.update("opening the model", 0, 0)
        set_query_model(index, model, name=name)
    with open_index(index) as opened:
        info = opened.info()
        chosen = chosen_name(opened.settings.dense, name)
        dense = opened.settings.dense[chosen]
    told = {"path": index, "name": chosen, "query_model": None if dense.query is None else dense.query.to_json()}
    console.emit({**told, **info}, f"{index}: {chosen} is asked by {dense.asks.source}")
