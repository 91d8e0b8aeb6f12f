"""What schedules cost, as the documents tell it."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks.rerank_costs import ALL, costs, main
from spaniel.rerank.schedules.table import SCHEDULES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reranking.md"


def test_it_has_a_line_for_each_schedule(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["rerank_costs", "--orders", "2", "--passages", "12", "--top", "3"])
    main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(ALL) and set(SCHEDULES) <= set(ALL)


@pytest.mark.parametrize(("schedule", "column"), [("quicksort", 0), ("knockout", 1)])
def test_the_page_tells_what_it_prints(schedule: str, column: int) -> None:
    [row] = re.findall(r"^\| compares pairs, in both orders .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    calls, rounds = ([int(each) for each in cell.split(", ")] for cell in row.strip("| ").split(" | ")[2:])
    mean = costs(schedule, 100, 10, 20, 1.0).mean(0)
    assert (calls[column], rounds[column]) == (round(mean[0], -1), round(mean[2]))
