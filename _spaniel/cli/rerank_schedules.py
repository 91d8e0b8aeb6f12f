"""`spaniel rerank schedules`."""

from dataclasses import fields

import click

from .console import Console, with_console

__all__ = ["schedules"]


@click.command()
@with_console
def schedules(console: Console) -> None:
    """List the schedules, what each asks, and its settings."""
    from spaniel.rerank.schedules.table import SCHEDULES, shown

    rows = []
    for name, kind in SCHEDULES.items():
        plain = kind()
        settings = {each.name: getattr(plain, each.name) for each in fields(kind)}
        what = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
        rows.append({"name": name, "asks": kind.asks, "settings": settings, "description": what})
    width = max(len(str(row["name"])) for row in rows)
    lines = []
    for row in rows:
        written = ",".join(f"{key}={shown(value)}" for key, value in dict(row["settings"]).items())
        lines.append(f"{row['name']:<{width}}  {row['asks']:<6}  {row['description']}")
        if written:
            lines.append(f"{'':<{width}}  {'':<6}  {written}")
    console.emit({"schedules": rows}, "\n".join(console.fill(line, indent=width + 10) for line in lines))
