"""Nothing in `index/` writes files but through `index/fs.py`, or it would escape the commit protocol and its proofs."""

import ast
from pathlib import Path

import pytest

INDEX = Path(__file__).resolve().parents[2] / "index"
WRITING_METHODS = {
    "write_bytes",
    "write_text",
    "unlink",
    "rmdir",
    "rmtree",
    "rename",
    "renames",
    "symlink_to",
    "tofile",
}
WRITING_METHODS |= {"truncate", "ftruncate", "touch", "move", "copyfile", "copytree", "memmap", "open_memmap", "savez"}
EXCEPTIONS = {
    "fs.py": "the door itself",
    "store.py": "takes the lock; its other writes go through an FS",
    "sparse/ciff.py": "exports a file for other programs, outside any index",
    "peers/lucene.py": "keeps Lucene's own index",
}


def writes(source: str) -> list[str]:
    """Calls that make or change files, as `line: call`."""
    return [f"{node.lineno}: {ast.unparse(node)}" for node in ast.walk(ast.parse(source)) if _is_write(node)]


def _is_write(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if isinstance(owner, ast.Attribute) and owner.attr == "fs":
        return False  # txn.fs.unlink(...), self.fs.rename(...)
    if name == "open":
        return any(_is_writing_mode(argument) for argument in [*node.args, *(k.value for k in node.keywords)])
    return name in WRITING_METHODS


def _is_writing_mode(argument: ast.expr) -> bool:
    text = argument.value if isinstance(argument, ast.Constant) else None
    return isinstance(text, str) and len(text) <= 3 and any(letter in text for letter in "wax+")


SOURCES = [path for path in sorted(INDEX.rglob("*.py")) if str(path.relative_to(INDEX)) not in EXCEPTIONS]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(INDEX)))
def test_writes_go_through_the_file_system_object(path: Path) -> None:
    assert writes(path.read_text()) == []


def test_exceptions_exist() -> None:
    assert [name for name in EXCEPTIONS if not (INDEX / name).exists()] == []


@pytest.mark.parametrize(
    "source",
    ["open(p, 'w')", "open(p, mode='ab')", "p.open('r+')", "p.write_bytes(b)", "os.unlink(p)", "array.tofile(p)"],
)
def test_writes_are_seen(source: str) -> None:
    assert writes(source)


@pytest.mark.parametrize("source", ["open(p)", "open(p, 'rb')", "p.open()", "txn.fs.unlink(p)", "text.replace(a, b)"])
def test_reads_are_not_writes(source: str) -> None:
    assert not writes(source)
