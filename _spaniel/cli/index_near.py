"""`spaniel index neighbours|duplicates`: passages that lie close to each other."""

from typing import Any

import click

from .console import Console, printable, with_console

__all__ = ["duplicates", "neighbours"]


@click.command()
@click.argument("index")
@click.argument("id_", metavar="ID")
@click.option("-k", "k", type=click.IntRange(min=1), metavar="N", default=10, show_default=True, help="How many.")
@click.option("--model", metavar="NAME", help="By which vectors, in an index that holds several.")
@with_console
def neighbours(console: Console, index: str, id_: str, k: int, model: str | None) -> int:
    """Find the passages nearest to one.

    Nearest by the index's own vectors, the passage itself left out; no model is needed. Exits with 1 when there is no
    other.
    """
    from spaniel.index.dense.neighbours import neighbours as nearest
    from spaniel.index.index import open_index

    from .show import plain_lines, show_on_terminal

    with open_index(index) as opened:
        results = nearest(opened, id_, k=k, name=model)
        if console.json:
            console.emit({"id": id_, **results.to_dict()})
        elif console.rich:
            show_on_terminal(results)
        else:
            console.emit(None, "\n".join(plain_lines(results)))
    return 0 if results else 1


@click.command()
@click.argument("index")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="X",
    default=0.95,
    show_default=True,
    help="Cosine from which two passages count as near duplicates.",
)
@click.option("--model", metavar="NAME", help="By which vectors, in an index that holds several.")
@with_console
def duplicates(console: Console, index: str, threshold: float, model: str | None) -> int:
    """List passages that say nearly the same.

    One line a group, its ids separated by tabs; nothing is deleted. Exits with 1 when there is none.
    """
    from spaniel.index.dense.duplicates import near_duplicates
    from spaniel.index.index import open_index

    with open_index(index) as opened:
        groups: list[Any] = near_duplicates(opened, threshold=threshold, name=model)
    lines = ["\t".join(map(printable, group)) for group in groups]
    console.emit({"threshold": threshold, "groups": groups}, "\n".join(lines))
    return 0 if groups else 1
