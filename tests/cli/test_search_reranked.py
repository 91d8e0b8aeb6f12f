"""`search --pipeline` with a rerank server behind the words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from contracts.fake_pair_model import FakePairModel
from contracts.served import on_a_port

Run = Callable[..., Any]


def test_cut_passages_are_told_as_what_they_are(spaniel: Run, kb: Path, tmp_path: Path) -> None:
    with on_a_port(FakePairModel(max_length=8)) as served:
        pipeline = tmp_path / "reranked.toml"
        pipeline.write_text(f'[[stages]]\ntype = "bm25"\n[[stages]]\ntype = "remote-rerank"\nurl = "{served.url}"\n')
        done = spaniel("search", kb, "dogs office", "--pipeline", pipeline)
    assert done.code == 0, done.err
    assert "3 texts are longer than the reranker reads: ends were cut" in done.err
    assert "question" not in done.err
