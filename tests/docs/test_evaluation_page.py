"""The pipelines and runs that docs/evaluation.md shows are ones that can be read, and it shows every key there is."""

import re
from dataclasses import fields
from pathlib import Path

from spaniel.eval import Run
from spaniel.rag.pipelines.spec import read_pipeline
from spaniel.rag.pipelines.stages import STAGES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_pipeline_is_one_and_has_every_key(tmp_path: Path) -> None:
    [shown] = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    (tmp_path / "mine.toml").write_text(shown, encoding="utf-8")
    spec = read_pipeline(tmp_path / "mine.toml")
    assert (spec.name, spec.index.language) == ("fused", "german")
    keys = set(re.findall(r"^ *(\w+) =", shown, re.MULTILINE))
    known = {each.name.rstrip("_") for kind in STAGES.values() for each in fields(kind)}  # type: ignore[arg-type]
    assert known - {"sources"} <= keys and "stages.sources" in shown
    assert all(f'"{name}"' in shown for name in STAGES)


def test_both_forms_of_a_run_read_the_same(tmp_path: Path) -> None:
    [block] = [
        found for found in re.findall(r"^```text\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE) if "query_id" in found
    ]
    runs = []
    for place, form in enumerate(block.split("\n\n")):
        (tmp_path / f"{place}.jsonl").write_text(form.strip() + "\n", encoding="utf-8")
        runs.append(Run.read(tmp_path / f"{place}.jsonl"))
    assert runs[0].ranking("q1") == runs[1].ranking("q1") == [("d1", 2.5), ("d2", 1.0)]
