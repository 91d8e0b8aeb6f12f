"""Real text that every machine with Python has: the documentation inside the Python installation.

Two kinds of documents: the topics of `help()` (`pydoc_data.topics`), and the docstrings of the standard library's
modules, classes and functions, read from the sources with `ast` and never imported.
"""

import ast
import inspect
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Entry", "help_topics", "library_docs"]

# Tests, bundled applications and tables: much text that no one looks for.
_SKIPPED = {
    "test", "tests", "idlelib", "lib2to3", "turtledemo", "encodings", "site-packages", "dist-packages", "ensurepip",
    "pydoc_data", "config", "__pycache__", "lib-dynload", "_pyrepl", "idle_test",
}  # fmt: skip
_MIN_CHARS = 40


class Entry(NamedTuple):
    """One document: `name` is what one would write in Python, such as `json.dumps`."""

    name: str
    kind: str
    module: str
    text: str

    def record(self) -> dict[str, str]:
        """As the fields of a JSONL line."""
        return {"id": f"{self.kind}:{self.name}", "title": self.name, "text": self.text} | {
            "kind": self.kind,
            "module": self.module,
        }


def help_topics() -> Iterator[Entry]:
    """What `help("topic")` shows; nothing where the installation leaves it out."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        return
    for name, text in sorted(topics.items()):
        yield Entry(name, "topic", "help", text.strip())


def library_docs(folder: str | Path | None = None) -> Iterator[Entry]:
    """Docstrings of the library's public modules, classes, methods and functions, in order of the files' names.

    Args:
        folder: where the library's sources are; that of the running Python by default.
    """
    root = Path(folder or sysconfig.get_path("stdlib"))
    for path in _public_sources(root):
        parts = path.relative_to(root).with_suffix("").parts
        yield from _docs_of(path, ".".join(parts[:-1] if path.stem == "__init__" else parts))


def _public_sources(folder: Path) -> Iterator[Path]:
    """The .py files below a folder whose names are public, a package before what is in it."""
    inside = sorted(folder.iterdir(), key=lambda path: (path.stem != "__init__", path.name))
    for path in inside:
        if path.is_dir():
            if path.name not in _SKIPPED and not path.name.startswith("_"):
                yield from _public_sources(path)
        elif path.suffix == ".py" and (path.stem == "__init__" or not path.name.startswith("_")):
            yield path


def _docs_of(path: Path, module: str) -> Iterator[Entry]:
    """The docstrings of one file; nothing for a file that does not parse (there are some on purpose)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some sources hold odd escapes; they are not ours to mend
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return
    seen: set[str] = set()
    for name, kind, text in _named_docs(tree, module):
        # A name defined twice (behind an `if`, or a property and its setter) keeps its first docstring.
        if len(text) >= _MIN_CHARS and name not in seen:
            seen.add(name)
            yield Entry(name, kind, module, text)


def _named_docs(tree: ast.Module, module: str) -> Iterator[tuple[str, str, str]]:
    """(dotted name, kind, cleaned docstring) of the module and what is public in it."""
    yield module, "module", _docstring(tree)
    pending: list[tuple[ast.AST, str]] = [(tree, module)]
    while pending:
        parent, name = pending.pop()
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.If | ast.Try):
                pending.append((node, name))
            elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                if node.name.startswith("_"):
                    continue
                is_class = isinstance(node, ast.ClassDef)
                yield f"{name}.{node.name}", "class" if is_class else "function", _docstring(node)
                if is_class:
                    pending.append((node, f"{name}.{node.name}"))


def _docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return inspect.cleandoc(ast.get_docstring(node, clean=False) or "")
