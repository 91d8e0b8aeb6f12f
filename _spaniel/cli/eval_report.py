"""`spaniel eval report`."""

import sys

import click

from .console import Console, with_console

__all__ = ["report"]


@click.command()
@click.argument("results", metavar="DIR")
@click.option(
    "--format",
    "formats",
    type=click.Choice(["html", "md", "tex"]),
    multiple=True,
    default=["html"],
    show_default=False,
    help="A page, Markdown, or LaTeX tables; may be repeated [html].",
)
@click.option(
    "--open",
    "opened",
    type=click.Choice(["auto", "no"]),
    default="auto",
    show_default=True,
    help="Show the page in a browser: auto when a person is looking.",
)
@with_console
def report(console: Console, results: str, formats: tuple[str, ...], opened: str) -> None:
    """Write the report of a results folder again.

    It becomes report.html (report.md, report.tex) in DIR; of several collections, each gets its own too. Nothing is
    measured again.
    """
    from spaniel.eval.report.write import write_report

    files = [file for kind in dict.fromkeys(formats) for file in write_report(results, kind)]
    console.emit({"files": [str(file) for file in files]}, "\n".join(map(str, files)))
    page = next((file for file in files if file.suffix == ".html"), None)
    if opened == "auto" and page is not None and console.rich and sys.stdin.isatty():
        click.launch(str(page.resolve()))
