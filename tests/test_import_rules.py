"""The folders are imported as `spaniel.*`: their bare names work only from the repository's root, by accident."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"retrieval", "models", "index", "rerank", "rag", "eval", "training", "_spaniel"}
SOURCES = sorted(
    path for folder in (*FOLDERS, "tests", "benchmarks", "examples", "tools") for path in (ROOT / folder).rglob("*.py")
)


def bare_imports(source: str) -> list[str]:
    """Modules that are imported absolutely under a bare folder name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append(node.module or "")
    return [name for name in found if name.partition(".")[0] in FOLDERS]


def climbing_imports(source: str) -> list[str]:
    """Relative imports that leave the folder they stand in (`from ...retrieval import x`)."""
    return [
        f"{'.' * node.level}{node.module}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.level > 1 and (node.module or "").partition(".")[0] in FOLDERS
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_bare_names(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert bare_imports(source) == []
    if path.relative_to(ROOT).parts[0] in FOLDERS:
        assert climbing_imports(source) == []


def test_the_rule_can_fail() -> None:
    assert bare_imports("import index.store\nfrom eval import x\nfrom .index import y\nimport indexing") == [
        "index.store",
        "eval",
    ]
    assert climbing_imports("from ..retrieval.types import Ranking\nfrom .types import x") == ["..retrieval.types"]
