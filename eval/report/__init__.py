"""Reports of an evaluation: tables for the terminal, Markdown, LaTeX and notebooks, and a page of HTML.

Everything here reads the structs of `results_format` and computes no figure of its own.
"""

from .html_table import render_html
from .latex import render_latex
from .markdown import render_markdown
from .text import render_text

__all__ = ["render_html", "render_latex", "render_markdown", "render_text"]
