"""Block designs: who is in how many blocks, that blocks hang together, and their coverage by another way."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.designs.coverage import coverage
from spaniel.rerank.designs.table import DESIGNS, blocks_of
from spaniel.retrieval.errors import InvalidInput

REPLICATING = [design for design in DESIGNS if design != "random"]


@pytest.mark.parametrize("design", DESIGNS)
@given(n=st.integers(0, 60), size=st.integers(8, 25), half=st.integers(1, 3), seed=st.integers(0, 3))
def test_every_passage_exactly_as_often_as_wanted(design: str, n: int, size: int, half: int, seed: int) -> None:
    replicas = 2 * half
    try:
        blocks = blocks_of(design, n, size, replicas, seed=seed)
    except InvalidInput:
        assert design in ("latin-square", "triangular") and n > size
        return
    assert all(len(set(block)) == len(block) <= size for block in blocks)
    assert {doc for block in blocks for doc in block} <= set(range(n))
    if n < 2:
        assert blocks == []
    elif design in REPLICATING:
        assert all(sum(doc in block for block in blocks) == replicas for doc in range(n))
        assert coverage(blocks, n).connected
    assert blocks == blocks_of(design, n, size, replicas, seed=seed)


@given(st.integers(10, 80), st.integers(2, 9), st.integers(1, 5))
def test_equi_replicate_blocks_are_as_few_and_as_equal_as_can_be(n: int, size: int, replicas: int) -> None:
    sizes = [len(block) for block in blocks_of("equi-replicate", n, size, replicas, seed=1)]
    assert len(sizes) == -(-n * replicas // size)
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize(
    ("n", "replicas", "n_blocks"), [(100, 2, 20), (100, 3, 30), (100, 4, 44), (49, 8, 56), (7, 2, 6)]
)
def test_latin_square_pairs_meet_at_most_once(n: int, replicas: int, n_blocks: int) -> None:
    blocks = blocks_of("latin-square", n, 11 if n > 11 else 3, replicas, seed=0)
    met = [pair for block in blocks for pair in combinations(sorted(block), 2)]
    assert len(set(met)) == len(met) and len(blocks) == n_blocks
    if n == 49:  # an affine plane: all pairs
        assert len(met) == 49 * 48 // 2


@pytest.mark.parametrize(("n", "n_blocks"), [(55, 11), (105, 15), (100, 15), (40, 10)])
def test_triangular_blocks_cross_once(n: int, n_blocks: int) -> None:
    blocks = blocks_of("triangular", n, 14, 2, seed=0)
    assert len(blocks) == n_blocks
    assert all(len(set(a) & set(b)) <= 1 for a, b in combinations(blocks, 2))
    assert max(map(len, blocks)) - min(map(len, blocks)) <= 2


@given(st.integers(2, 9), st.data())
def test_coverage(n: int, data: st.DataObject) -> None:
    block = st.lists(st.integers(0, n - 1), unique=True, min_size=1)
    blocks = data.draw(st.lists(block, min_size=1, max_size=5))
    pairs = list(combinations(range(n), 2))
    near = {doc: {doc}.union(*(block for block in blocks if doc in block)) for doc in range(n)}
    found = coverage(blocks, n)
    assert found.direct == pytest.approx(sum(b in near[a] for a, b in pairs) / len(pairs))
    assert found.by_one == pytest.approx(sum(bool(near[a] & near[b]) for a, b in pairs) / len(pairs))
    counts = [sum(doc in block for block in blocks) for doc in range(n)]
    assert (found.fewest, found.most) == (min(counts), max(counts))
    reached = {0}
    while grown := set().union(*(near[doc] for doc in reached)) - reached:
        reached |= grown
    assert found.connected == (len(reached) == n)


def test_the_papers_setting_covers_most_pairs_by_one() -> None:
    found = coverage(blocks_of("equi-replicate", 100, 20, 2, seed=0), 100)
    assert found.connected and 0.3 < found.direct < 2 * 19 / 99 and found.by_one > 0.95


@pytest.mark.parametrize(
    ("design", "n", "size", "replicas", "message"),
    [
        ("latin-sqare", 10, 5, 2, "did you mean 'latin-square'"),
        ("equi-replicate", 10, 1, 2, "size is 1"),
        ("equi-replicate", 10, 5, 0, "at least 1"),
        ("latin-square", 10, 5, 1, "at least 2"),
        ("triangular", 10, 5, 3, "even"),
        ("triangular", 100, 13, 2, "size is 13; make it 14"),
        ("latin-square", 100, 10, 4, "make it 11"),
    ],
)
def test_designs_that_cannot_be(design: str, n: int, size: int, replicas: int, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        blocks_of(design, n, size, replicas, seed=0)
