"""The commands and the pipeline that docs/reranking.md shows run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reranking.md"

COLLECTION = {
    "corpus.jsonl": '{"_id": "keys", "title": "Keys", "text": "Keys are rotated every year."}\n'
    '{"_id": "dogs", "title": "Dogs", "text": "Dogs may come to the office, with keys."}\n'
    '{"_id": "lock", "title": "Locks", "text": "A key opens a lock."}\n',
    "queries.jsonl": '{"_id": "q1", "text": "rotating keys"}\n{"_id": "q2", "text": "office dogs"}\n',
    "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq1\tkeys\t1\nq2\tdogs\t1\n",
}


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def test_commands_and_pipeline_run(tmp_path: Path) -> None:
    for name, text in COLLECTION.items():
        path = tmp_path / "toy" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    [toml] = blocks("toml")
    (tmp_path / "mine.toml").write_text(toml, encoding="utf-8")
    script = "set -eu\n" + "\n".join(blocks("sh"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    best = (tmp_path / "best.trec").read_text(encoding="utf-8")
    assert [line.split()[2] for line in best.splitlines() if line.split()[3] == "1"] == ["keys", "dogs"]
    assert (tmp_path / "spent.jsonl").read_text(encoding="utf-8").count('"calls"') == 2
    assert re.search(r"bm25-jointrank .*0?\.\d", done.stdout) and "bm25-cosine" in done.stdout
