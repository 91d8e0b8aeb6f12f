"""Run files: byte order marks, long lines, and numbers that only Python takes for numbers."""

import gzip
from pathlib import Path

import pytest

from spaniel.eval import trec_columns
from spaniel.eval.collections import lines as module
from spaniel.eval.measures import score
from spaniel.eval.run import Run
from spaniel.retrieval.errors import InvalidInput, LimitExceeded

TREC = "q1 Q0 a 1 2.5 x\nq1 Q0 b 2 1.5 x\nq2 Q0 c 1 1e-3 x\n"
JSONL = (
    '{"format":1,"run":"x","stages":["s"]}\n'
    '{"query":"q1","stages":{"s":{"ids":["a","b"],"scores":[2.5,1.5]}}}\n'
    '{"query":"q2","stages":{"s":{"ids":["c"],"scores":[0.001]}}}\n'
)


def written(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder / name


@pytest.mark.parametrize("name", ["r.trec", "r.trec.gz", "r.jsonl", "r.jsonl.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_a_byte_order_mark_is_no_part_of_the_first_query(
    tmp_path: Path, name: str, end: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", block)
    monkeypatch.setattr(trec_columns, "_CHUNK_BYTES", block)
    text = (JSONL if "jsonl" in name else TREC).replace("\n", end)
    run = Run.read(written(tmp_path, name, b"\xef\xbb\xbf" + text.encode()))
    assert run.query_ids == ("q1", "q2")
    assert [hit.id for hit in run.ranking("q1")] == ["a", "b"]
    assert score(run, {"q1": {"a": 1}}, ["RR@10"]).mean("RR@10") == 1.0


@pytest.mark.parametrize("name", ["r.trec.gz", "r.jsonl.gz"])
def test_a_line_without_an_end_does_not_fill_the_memory(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 1 << 20)
    path = written(tmp_path, name, b"\n" + b"0" * (4 << 20) if "trec" in name else b"0" * (4 << 20))
    with pytest.raises(LimitExceeded, match=r"r\.\w+\.gz:[12]: bytes of the line"):
        Run.read(path)


@pytest.mark.parametrize("name", ["r.trec", "r.jsonl"])
def test_bytes_that_are_no_text_are_named_by_line(tmp_path: Path, name: str) -> None:
    text = JSONL if "jsonl" in name else TREC
    lines = text.encode().splitlines(keepends=True)
    path = written(tmp_path, name, b"".join([*lines[:2], lines[2].replace(b"c", b"\xff")]))
    with pytest.raises(InvalidInput, match=rf"{name}:3: not UTF-8"):
        Run.read(path)


def test_damage_and_absence(tmp_path: Path) -> None:
    path = written(tmp_path, "r.trec.gz", TREC.encode())
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(InvalidInput, match="gzip data is damaged"):
        Run.read(path)
    with pytest.raises(FileNotFoundError):
        Run.read(tmp_path / "none.trec")


@pytest.mark.parametrize("number", ["1_0", "٣", "１", "x"])
@pytest.mark.parametrize(("column", "said"), [(3, "the rank is"), (4, "the score is")])
def test_numbers_are_plain(tmp_path: Path, number: str, column: int, said: str) -> None:
    row = ["q2", "Q0", "c", "1", "1.5", "x"]
    row[column] = number
    path = written(tmp_path, "r.trec", f"q1 Q0 a 1 2.5 x\n{' '.join(row)}\n".encode())
    with pytest.raises(InvalidInput, match=rf"r\.trec:2: {said} '{number}'"):
        Run.read(path)
