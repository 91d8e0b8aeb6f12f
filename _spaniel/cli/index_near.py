"""`spaniel index neighbours|duplicates`: passages that lie close to each other."""

from typing import Any

import click

from .console import Console, printable, with_console

__all__ = ["duplicates", "neighbours"]


@click.command()
@click.argument("index")
@click.argument("id_", metavar="ID")
@click.option("-k", "k", type=click.IntRange(min=1), metavar="N", default=10, show_default=True, help="How many.")
@click.option("--model", metavar="NAME", help="By which vectors [those added first].")
@with_console
def neighbours(console: Console, index: str, id_: str, k: int, model: str | None) -> int:
    """Find the passages nearest to one.

    Nearest by the index's own vectors, the passage itself left out; no model is needed. Exits with 1 when there is no
    other.
    """
    from spaniel.index.index import open_index

    from .show import plain_lines, show_on_terminal

    with open_index(index) as opened:
        results = opened.neighbours(id_, k, model=model)
        if console.json:
            console.emit({"id": id_, **results.to_dict()})
        elif console.rich:
            show_on_terminal(results)
        else:
            console.emit(None, "\n".join(plain_lines(results)))
    if not results:
        console.note("nothing found")
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
@click.option("--model", metavar="NAME", help="By which vectors [those added first].")
@with_console
def duplicates(console: Console, index: str, threshold: float, model: str | None) -> int:
    """List passages that say nearly the same.

    One line a group, its ids separated by tabs; nothing is deleted. Exits with 1 when there is none.
    """
    from spaniel.index.index import open_index

    with open_index(index) as opened:
        groups: list[Any] = opened.duplicates(threshold, model=model)
    lines = ["\t".join(map(printable, group)) for group in groups]
    console.emit({"threshold": threshold, "groups": groups}, "\n".join(lines))
    if not groups:
        console.note("nothing found")
    return 0 if groups else 1
