"""The links of every page lead somewhere, and its examples run.

Blocks marked `python` run in order, one namespace a page, those with prompts as doctests; `sh` blocks of the README run
as a script; each in an empty folder that holds a copy of docs/. `text` and unmarked blocks are not run.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NOT_RUN = {"architecture.md", "lucene.md"}  # signatures; needs the pyserini extra
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """What `page#...` can point at: headings as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Links to files or headings that are not there; links out of the repository are not followed."""
    broken = []
    for target in LINK.findall(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, heading = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or (heading and heading not in anchors(path)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A head\n[a](page.md) [b](#a-head) [c](#other) [d](none.md) [e](https://example.org)\n")
    assert broken_links(page) == ["#other", "none.md"]


def blocks(page: Path, kind: str) -> list[str]:
    return [code for marked, code in BLOCK.findall(page.read_text(encoding="utf-8")) if marked == kind]


EXAMPLES = [page for page in PAGES if blocks(page, "python") and page.name not in NOT_RUN]


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command where a reader of the page would be, with this environment's commands first."""
    shutil.copytree(ROOT / "docs", folder / "docs")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=240
    )


@pytest.mark.parametrize("page", EXAMPLES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_examples_run(page: Path, tmp_path: Path) -> None:
    prompts = any(code.startswith(">>>") for code in blocks(page, "python"))
    code = "\n".join(code for code in blocks(page, "python") if not code.startswith(">>>"))
    if prompts:
        code += f"\nimport doctest; assert doctest.testfile({str(page)!r}, module_relative=False).failed == 0"
    done = run([sys.executable, "-W", "error", "-c", code], tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_shell_examples_of_the_readme_run(tmp_path: Path) -> None:
    script = "set -eu\n" + "\n".join(blocks(ROOT / "README.md", "sh"))
    assert "spaniel search" in script
    done = run(["bash", "-c", script], tmp_path)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_every_page_of_docs_is_listed() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = {(ROOT / "docs" / link).resolve() for link in LINK.findall(index) if not link.startswith("http")}
    assert {page for page in PAGES if page.parent == ROOT / "docs"} - {ROOT / "docs" / "index.md"} <= listed
