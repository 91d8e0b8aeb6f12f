"""Reports of an evaluation: tables for the terminal, Markdown, LaTeX and notebooks, and a page of HTML.

Everything here reads the structs of `results_format` and computes no figure of its own.
"""

from .html_table import render_html
from .latex import render_latex
from .markdown import render_markdown
from .page import render_page
from .text import render_text
from .write import render_folder, write_report

__all__ = [
    "render_folder",
    "render_html",
    "render_latex",
    "render_markdown",
    "render_page",
    "render_text",
    "write_report",
]
