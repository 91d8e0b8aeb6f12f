"""Orders of what was chosen."""

from spaniel.rag.packing.order import in_order
from tests.contracts.packer import candidates_of


def test_orders() -> None:
    candidates = candidates_of(["a", "b", "c", "d", "e"])  # p0, p2, p4 of one document, p1, p3 of the other
    assert in_order([0, 1, 2, 4], candidates, "best") == [0, 1, 2, 4]
    assert in_order([1, 2, 3, 4], candidates, "source") == [1, 3, 2, 4]
    assert in_order([0, 1, 2, 3], candidates, "edges") == [0, 2, 3, 1]
    for order in ("best", "source", "edges"):
        assert in_order([], candidates, order) == []
