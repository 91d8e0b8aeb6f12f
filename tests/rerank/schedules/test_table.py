"""Schedules by name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_settings_are_converted_by_type() -> None:
    made: Any = read_schedule(" jointrank : size=5, replicas = 2,design=random,prior=0.5 ")
    assert (made.size, made.replicas, made.design, made.prior) == (5, 2, "random", 0.5)
    assert read_schedule(written(made)) == made and written(made).startswith("jointrank:size=5,")
    assert make_schedule("jointrank", {"size": 5, "prior": None}) == read_schedule("jointrank:size=5,prior=null")
    with pytest.raises(InvalidInput, match="size = 'five'"):
        read_schedule("jointrank:size=five")
    with pytest.raises(InvalidInput, match=r"size = 2\.5"):
        make_schedule("jointrank", {"size": 2.5})


NAMES = st.sampled_from([*SCHEDULES, "", "x"])
SETTINGS = st.lists(
    st.tuples(st.sampled_from(["size", "passes", "rate", "refit", "prior", "design", "x", ""]), st.text(max_size=6))
)


@given(NAMES, SETTINGS | st.text())
def test_any_text_is_a_schedule_or_refused(name: str, settings: Any) -> None:
    rest = settings if isinstance(settings, str) else ",".join(f"{key}={value}" for key, value in settings)
    try:
        made = read_schedule(f"{name}:{rest}")
    except InvalidInput:
        return
    assert read_schedule(written(made)) == made


@pytest.mark.parametrize("name", ["tourrank:tournaments", "jointrank:replicas", "window:passes"])
def test_what_is_done_again_and_again_has_a_bound(name: str) -> None:
    """The work before the first call, which no budget bounds, grows by it."""
    assert read_schedule(f"{name}=1000")
    for count in ("1001", "1000000000", "0"):
        with pytest.raises(InvalidInput, match="at least 1 and at most 1,000"):
            read_schedule(f"{name}={count}")
