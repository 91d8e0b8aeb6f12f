"""When requests will be done, against the schedule played out token by token."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rerank.serve.forecast import done_after

_REQUESTS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 25), st.integers(0, 4)), min_size=1, max_size=8)


@given(_REQUESTS, st.integers(1, 12))
def test_as_played_out(requests: list[tuple[int, int, int]], share: int) -> None:
    tokens = sorted(
        ((start + token) // share, due, number, token)
        for number, (start, left, due) in enumerate(requests)
        for token in range(left)
    )
    order = [number for _, _, number, _ in tokens]
    wanted = [len(order) - order[::-1].index(number) for number in range(len(requests))]
    start, left, due = (np.array(each, np.float64) for each in zip(*requests, strict=True))
    assert done_after(start, left, due, share).tolist() == wanted
