"""The benchmark of the driver runs."""

import sys

import pytest

from benchmarks.rerank_driver import main
from spaniel.rerank.schedules.table import SCHEDULES


def test_it_has_a_line_for_each_schedule(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["rerank_driver", "--queries", "2", "--passages", "6"])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(SCHEDULES)
