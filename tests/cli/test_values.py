"""Option values: what they mean, and what is said about the others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.cli import values


@given(st.integers(1, 10**9), st.sampled_from(["", "K", "M", "G"]), st.sampled_from(["", "B", "iB", "b"]))
def test_memory(number: int, unit: str, suffix: str) -> None:
    expected = number * {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}[unit]
    assert values.memory(f"{number}{unit}{suffix}") == expected
    assert values.memory(f" {number} {unit.lower()}{suffix}") == expected


def test_fields_and_columns() -> None:
    assert values.fields("title:2.5, text") == {"title": 2.5, "text": 1.0}
    assert values.columns("year:integer,a:b:text") == {"year": "integer", "a:b": "text"}
    assert values.where('{"year": 3}') == {"year": 3}


@pytest.mark.parametrize(
    ("read", "text", "named"),
    [
        (values.memory, "lots", "'lots'"),
        (values.memory, "0M", "'0M'"),
        (values.memory, "-5", "'-5'"),
        (values.memory, "٣M", "not a size"),
        (values.memory, "9" * 400, "not a size"),
        (values.fields, "title:x", "'title:x'"),
        (values.fields, "title:0", "above 0"),
        (values.fields, "title:nan", "above 0"),
        (values.fields, "title:inf", "above 0"),
        (values.fields, "text,text", "once"),
        (values.fields, "", "''"),
        (values.columns, "year", "'year'"),
        (values.columns, "year:date", "integer"),
        (values.columns, "a:text,a:text", "once"),
        (values.where, "{year: 3}", "not JSON"),
        (values.where, "[" * 100_000, "not JSON"),
        (values.where, "[1]", "not a JSON object"),
    ],
)
def test_bad_values_are_named(read: object, text: str, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        read(text)  # type: ignore[operator]
