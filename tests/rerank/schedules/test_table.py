"""Schedules by name."""

from typing import Any

import pytest

from spaniel.rerank.schedules.base import Schedule
from spaniel.rerank.schedules.table import SCHEDULES, make_schedule, read_schedule, written
from spaniel.retrieval.errors import InvalidInput


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_can_be_had_by_its_name_alone(name: str) -> None:
    schedule = read_schedule(name)
    assert isinstance(schedule, Schedule)
    assert schedule.name == name and written(schedule) == name
    assert type(schedule).__doc__ and type(schedule).__module__.startswith("spaniel.rerank.schedules.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pointwize", "no schedule is called 'pointwize'; did you mean 'pointwise'?"),
        ("", "no schedule is called ''"),
        ("pointwise:k=2", "no setting 'k'"),
        ("pointwise:k", "'k' is not key=value"),
        ("pointwise:=2", "'=2' is not key=value"),
        ("pointwise:k=1,k=2", "'k' is there twice"),
    ],
)
def test_what_is_not_there_is_named(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said.replace("?", r"\?")):
        read_schedule(text)


def test_settings_are_converted_and_refused_by_type(monkeypatch: pytest.MonkeyPatch) -> None:
    made: Any = make_schedule("pointwise", {})
    assert made == read_schedule(" pointwise ")
