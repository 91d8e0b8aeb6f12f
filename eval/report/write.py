"""Reports beside the results they show: `report.html`, `report.md`, `report.tex`."""

from pathlib import Path

from spaniel.eval.results_format import CollectionResults
from spaniel.eval.results_reader import read_parts, read_queries, read_results
from spaniel.retrieval.atomic import written_whole
from spaniel.retrieval.errors import InvalidInput

from .latex import render_latex
from .markdown import render_markdown
from .page import render_page

__all__ = ["FORMATS", "render_folder", "write_report"]

FORMATS = ("html", "md", "tex")


def render_folder(folder: str | Path, format: str = "html") -> str:
    """The report of a results folder in one of `FORMATS`.

    Raises:
        InvalidInput: another format, or a folder that cannot be read.
    """
    if format not in FORMATS:
        raise InvalidInput("format", f"{format!r} is none of {', '.join(FORMATS)}")
    results = read_results(folder)
    single = isinstance(results, CollectionResults)
    parts = {} if single else {part.collection.name: part for _, part in read_parts(folder)}
    if format != "html":
        return render_markdown(results, parts) if format == "md" else render_latex(results, parts)
    if isinstance(results, CollectionResults):
        return render_page(results, list(read_queries(folder, results)))
    return render_page(results, parts=parts)


def write_report(folder: str | Path, format: str = "html") -> list[Path]:
    """Write the report into its folder, and that of each part of several collections; the folder's own comes first.

    Raises:
        InvalidInput: as `render_folder`.
        OSError: the folder cannot be written to.
    """
    text = render_folder(folder, format)
    written = []
    if not isinstance(read_results(folder), CollectionResults):
        written = [path for part, _ in read_parts(folder) for path in write_report(part, format)]
    file = Path(folder) / f"report.{format}"
    with written_whole(file) as out:
        out.write(text)
    return [file, *written]
