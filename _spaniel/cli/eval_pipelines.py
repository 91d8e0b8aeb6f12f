"""`spaniel eval pipelines`."""

from dataclasses import fields

import click

from .console import Console, with_console

__all__ = ["pipelines"]


@click.command()
@with_console
def pipelines(console: Console) -> None:
    """List the pipelines that have a name.

    Then the stages that a TOML file can make others of, with the keys of each.
    """
    from spaniel.rag.pipelines.named import NAMED
    from spaniel.rag.pipelines.stages import STAGES

    width = max(map(len, NAMED))
    lines = [f"{name:<{width}}  {what}" for name, (_, what) in NAMED.items()]
    keys = {name: [each.name.rstrip("_") for each in fields(kind)] for name, kind in STAGES.items()}  # type: ignore[arg-type]
    lines += ["", "stages for TOML files:", *(f"{name:<{width}}  {', '.join(names)}" for name, names in keys.items())]
    named = [{"name": name, "description": what, "definition": spec.to_json()} for name, (spec, what) in NAMED.items()]
    lines = [console.fill(line, indent=width + 2) for line in lines]
    console.emit({"pipelines": named, "stages": keys}, "\n".join(lines))
