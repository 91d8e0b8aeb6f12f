"""Filters: what is rejected and how, what each rule means, and that SQL and plain Python agree on random filters."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.index.passages import Passages, PassageWriter
from spaniel.index.where import MAX_CLAUSES, MAX_DEPTH, MAX_VALUES, matches, parse
from spaniel.index.where_sql import ColumnType, to_sql
from spaniel.retrieval.errors import InvalidInput, InvalidQuery, LimitExceeded
from spaniel.retrieval.types import Document

COLUMNS: dict[str, ColumnType] = {"year": "integer", "a.b": "real", "lang": "text"}


def matching(folder: Path, metas: list[Any], where: Any, columns: dict[str, ColumnType] | None = None) -> list[int]:
    """Places of the metas that SQL says match; checked against the Python reading on the way."""
    path = folder / "passages.sqlite"
    path.unlink(missing_ok=True)
    writer = PassageWriter(path, columns=columns)
    writer.add_many(0, [Document(f"d{i}", "text", f"title {i}", meta) for i, meta in enumerate(metas)])
    writer.finish()
    reader, node = Passages(path), parse(where)
    try:
        found: list[int] = reader.matching(node).tolist()
    finally:
        reader.close()
    own = [{"id": f"d{i}", "doc_id": f"d{i}", "title": f"title {i}"} for i in range(len(metas))]
    assert found == [i for i, meta in enumerate(metas) if matches(node, own[i], meta)]
    return found


@pytest.mark.parametrize("columns", [None, {"x": "integer"}])
def test_each_operator_on_numbers(tmp_path: Path, columns: dict[str, ColumnType] | None) -> None:
    metas = [{"x": 1}, {"x": 2}, {"x": 3}, {}, {"x": None}]
    expected = {
        "$eq": [1], "$ne": [0, 2, 3, 4], "$gt": [2], "$gte": [1, 2], "$lt": [0], "$lte": [0, 1],
    }  # fmt: skip
    for operator, places in expected.items():
        assert matching(tmp_path, metas, {"x": {operator: 2}}, columns) == places, operator
    assert matching(tmp_path, metas, {"x": {"$in": [1, 3, 9]}}, columns) == [0, 2]
    assert matching(tmp_path, metas, {"x": {"$nin": [1, 3, 9]}}, columns) == [1, 3, 4]
    assert matching(tmp_path, metas, {"x": {"$in": []}}, columns) == []
    assert matching(tmp_path, metas, {"x": {"$exists": True}}, columns) == [0, 1, 2, 4]
    assert matching(tmp_path, metas, {"x": {"$exists": False}}, columns) == [3]
    assert matching(tmp_path, metas, {"x": None}, columns) == [3, 4]
    assert matching(tmp_path, metas, {"x": {"$not": {"$gte": 2}}}, columns) == [0, 3, 4]
    assert matching(tmp_path, metas, {"x": {"$gt": 1, "$lt": 3}}, columns) == [1]
    assert matching(tmp_path, metas, {}, columns) == [0, 1, 2, 3, 4]


def test_kinds_do_not_mix(tmp_path: Path) -> None:
    metas = [{"x": 1}, {"x": True}, {"x": "1"}, {"x": 1.0}, {"x": {"y": 1}}, {"x": []}]
    assert matching(tmp_path, metas, {"x": 1}) == [0, 3]
    assert matching(tmp_path, metas, {"x": True}) == [1]
    assert matching(tmp_path, metas, {"x": "1"}) == [2]
    assert matching(tmp_path, metas, {"x": {"$gte": "0"}}) == [2]
    assert matching(tmp_path, metas, {"x": {"$lte": 5}}) == [0, 3]
    assert matching(tmp_path, metas, {"x.y": 1}) == [4]


def test_a_list_matches_by_its_elements(tmp_path: Path) -> None:
    metas = [{"tags": ["physics", "optics"]}, {"tags": "physics"}, {"tags": [3, None]}, {"tags": [["physics"]]}]
    assert matching(tmp_path, metas, {"tags": "physics"}) == [0, 1]
    assert matching(tmp_path, metas, {"tags": {"$gt": 2}}) == [2]
    assert matching(tmp_path, metas, {"tags": None}) == [2]
    assert matching(tmp_path, metas, {"tags": {"$ne": "optics"}}) == [1, 2, 3]


def test_own_fields_and_boolean_trees(tmp_path: Path) -> None:
    metas = [{"n": i, "id": "in meta"} for i in range(6)]
    assert matching(tmp_path, metas, {"id": {"$in": ["d1", "d4", "nobody"]}}) == [1, 4]
    assert matching(tmp_path, metas, {"title": {"$gte": "title 4"}}) == [4, 5]
    assert matching(tmp_path, metas, {"doc_id": "d2"}) == [2]
    assert matching(tmp_path, metas, {"$or": [{"n": 1}, {"n": {"$gt": 4}}], "id": {"$ne": "d5"}}) == [1]
    assert matching(tmp_path, metas, {"$not": {"$and": [{"n": {"$gt": 1}}, {"n": {"$lt": 5}}]}}) == [0, 1, 5]


def test_hostile_values_and_keys_stay_values(tmp_path: Path) -> None:
    hostile = "'; DROP TABLE passages; --"
    metas = [{"x": hostile}, {"x": "%"}, {"]": 1, "x') OR 1 --": 2}]
    assert matching(tmp_path, metas, {"x": hostile}) == [0]
    assert matching(tmp_path, metas, {"x": "%"}) == [1]
    assert matching(tmp_path, metas, {"x') OR 1 --": 2}) == [2]
    assert matching(tmp_path, metas, {"]": 1}) == [2]
    assert matching(tmp_path, metas, {"id": hostile}) == []


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ({"x": {"$gtt": 1}}, "'$gtt'.*'\\$gt'"),
        ({"x": {"$regex": "a"}}, "'$regex'.*known are"),
        ({"$nor": [{}]}, "'$nor'.*'\\$or'"),
        ({"x": {"$gt": None}}, "takes a number or a string, got None"),
        ({"x": {"$gt": True}}, "got True"),
        ({"x": [1, 2]}, "use \\$in"),
        ({"x": {"$in": 3}}, "takes a list"),
        ({"x": {"$exists": 1}}, "true or false"),
        ({"x": {}}, "empty condition"),
        ({"x": {"y": 1}}, "unknown operator 'y'"),
        ({"x": float("nan")}, "finite"),
        ({"x": 2**63}, "64-bit"),
        ({"x": "\ud800"}, "surrogate"),
        ({"x": "a\0"}, "NUL"),
        ({"x": {"$not": 3}}, "write \\$ne"),
        ({"$and": []}, "at least one"),
        ({"$or": {"x": 1}}, "list"),
        ({"": 1}, "names of fields"),
        ({"a..b": 1}, "empty part"),
        ({'a"b': 1}, "quote"),
        ({3: 1}, "names of fields"),
        (["x"], "a filter is a dict"),
        ({"$not": 1}, "a filter is a dict"),
    ],
)
def test_what_is_not_understood_is_named(where: Any, words: str) -> None:
    with pytest.raises(InvalidQuery, match=words.replace("'$", "'\\$")):
        parse(where)


def test_limits() -> None:
    deep: dict[str, Any] = {"x": 1}
    for _ in range(MAX_DEPTH):
        deep = {"$not": deep}
    for where in (
        deep,
        {"x": {"$in": list(range(MAX_VALUES + 1))}},
        {"$or": [{"x": 1}] * (MAX_CLAUSES + 1)},
        {"x" * 300: 1},
    ):
        with pytest.raises(LimitExceeded):
            parse(where)


def test_the_largest_filters_allowed_run(tmp_path: Path) -> None:
    deep: dict[str, Any] = {"x": 1}
    for _ in range(MAX_DEPTH - 1):
        deep = {"$not": deep}
    assert matching(tmp_path, [{"x": 1}, {"x": 2}], deep) == [1]
    assert matching(tmp_path, [{"x": 1}], {"x": {"$in": list(range(MAX_VALUES))}}) == [0]
    assert matching(tmp_path, [{"x": 1}], {"$or": [{"x": i} for i in range(MAX_CLAUSES)]}) == [0]


@pytest.mark.parametrize("columns", [{"year": "date"}, {"id": "text"}, {"a..b": "text"}, {"A": "text", "a": "real"}])
def test_columns_that_cannot_be(tmp_path: Path, columns: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="columns"):
        PassageWriter(tmp_path / "p", columns=columns)


# Numbers are kept to few digits: SQLite's own reading of JSON numbers is exact only to the fifteenth.
NUMBERS = st.integers(-4, 4) | st.integers(-16, 16).map(lambda n: n / 4) | st.sampled_from([2**53 + 1, -(2**63)])
STRINGS = st.sampled_from(["", "a", "b", "ä", "1", "\U0001f600", "￿", "'", "true"])
SCALARS = st.none() | st.booleans() | NUMBERS | STRINGS
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.sampled_from(["b", "c"]), SCALARS, max_size=2)
FIELDS = st.sampled_from(["a", "a.b", "x", "year", "lang", "id", "title", "é x"])
METAS = st.fixed_dictionaries(
    {},
    optional={
        "a": st.none() | st.fixed_dictionaries({}, optional={"b": st.none() | NUMBERS, "c": VALUES}),
        "x": VALUES,
        "é x": VALUES,
        "year": st.none() | st.integers(-4, 4),
        "lang": st.none() | STRINGS,
    },
)
COMPARABLE = NUMBERS | STRINGS
OPERATORS = st.one_of(
    *(st.tuples(st.just(name), SCALARS) for name in ("$eq", "$ne")),
    *(st.tuples(st.just(name), COMPARABLE) for name in ("$gt", "$gte", "$lt", "$lte")),
    *(st.tuples(st.just(name), st.lists(SCALARS, max_size=4)) for name in ("$in", "$nin")),
    st.tuples(st.just("$exists"), st.booleans()),
)
CONDITIONS = st.recursive(
    st.lists(OPERATORS, min_size=1, max_size=2).map(dict), lambda inner: inner.map(lambda c: {"$not": c}), max_leaves=3
)
FILTERS = st.recursive(
    st.dictionaries(FIELDS, SCALARS | CONDITIONS, max_size=2),
    lambda inner: st.one_of(
        st.builds(lambda name, some: {name: some}, st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1)),
        inner.map(lambda one: {"$not": one}),
    ),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(metas=st.lists(METAS, min_size=1, max_size=12), wheres=st.lists(FILTERS, min_size=1, max_size=6))
def test_sql_agrees_with_python(
    tmp_path_factory: pytest.TempPathFactory, metas: list[dict[str, Any]], wheres: list[Any]
) -> None:
    for columns in ({}, COLUMNS):
        for where in wheres:
            matching(tmp_path_factory.getbasetemp(), metas, where, columns)


def test_no_value_reaches_the_sql_text() -> None:
    text, values = to_sql(parse({"secret": {"$in": ["needle", 4711]}, "id": "needle"}), {})
    assert "needle" not in text and "secret" not in text and "4711" not in text
    assert {"needle", 4711, '$."secret"'} == set(values.values())
