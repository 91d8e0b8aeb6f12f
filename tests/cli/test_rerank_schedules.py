"""`spaniel rerank schedules`."""

from collections.abc import Callable
from typing import Any

from spaniel.rerank.schedules.table import SCHEDULES, make_schedule


def test_schedules_are_listed(spaniel: Callable[..., Any]) -> None:
    listed = spaniel("rerank", "schedules", "--json").data["schedules"]
    assert [row["name"] for row in listed] == list(SCHEDULES)
    for row in listed:
        assert make_schedule(row["name"], row["settings"]) == make_schedule(row["name"], {})
        assert row["asks"] in ("score", "prefer", "order") and row["description"].endswith(".")
    text = spaniel("rerank", "schedules").out
    assert all(name in text for name in SCHEDULES) and "rate=0.3" in text
