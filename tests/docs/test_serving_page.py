"""The examples of the page on serving, spoken to a server."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from contracts.served import on_a_port

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
WRITTEN = "http://localhost:8080"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_curl_examples() -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl")
    commands = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) == 4
    with on_a_port() as served:
        for words in commands:
            words = [word.replace(WRITTEN, served.url) for word in words]
            done = subprocess.run([*words, "-sSf"], capture_output=True, text=True, timeout=60, check=True)
            assert json.loads(done.stdout)


def test_python_examples(tmp_path: Path) -> None:
    pytest.importorskip("langchain_core", reason="langchain-core is not installed")
    code = "\n".join(blocks("py"))
    assert "langchain_cohere" in code
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with on_a_port() as served:
        words = [sys.executable, "-W", "ignore", "-c", code.replace(WRITTEN, served.url)]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1 + 3 + 1


def test_every_route_and_status_stands_there() -> None:
    from contracts.fake_pair_model import FakePairModel

    from spaniel.rerank.serve.app import create_app
    from spaniel.rerank.serve.engine import Engine

    app = create_app(Engine(lambda place: FakePairModel()))
    for route in app.routes:
        assert getattr(route, "path") in PAGE  # noqa: B009 - BaseRoute has none
    for status in (400, 401, 408, 413, 415, 422, 429, 500, 503, 504):
        assert f"| {status} |" in PAGE
