"""Ids seen before: none is missed, and almost nothing else is suspected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.duplicates import SeenIds

BATCHES = st.lists(st.lists(st.text(max_size=3), max_size=12), max_size=12)


@given(BATCHES)
def test_exactly_the_repeated_ids(batches: list[list[str]]) -> None:
    seen, before = SeenIds(), set[str]()
    for batch in batches:
        expected = []
        for name in batch:
            if name in before:
                expected.append(name)
            before.add(name)
        assert seen.suspects(batch) == expected  # 64-bit hashes of a handful of ids do not collide


@given(BATCHES)
def test_colliding_hashes_are_suspects_and_nothing_is_missed(batches: list[list[str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spaniel.index.duplicates.hash", len, raising=False)
        seen, before = SeenIds(), set[str]()
        for batch in batches:
            suspects = seen.suspects(batch)
            repeated = [name for place, name in enumerate(batch) if name in before or name in batch[:place]]
            assert set(repeated) <= set(suspects)
            before.update(batch)


def test_levels_stay_few() -> None:
    seen = SeenIds()
    for start in range(0, 50_000, 100):
        assert seen.suspects([str(number) for number in range(start, start + 100)]) == []
    assert len(seen._levels) < 16
    assert seen.suspects(["123", "50000", "49999"]) == ["123", "49999"]
