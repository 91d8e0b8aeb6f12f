"""When each request will be done, if no other comes: the schedule of `scheduler.py`, reckoned and not run.

A request's tokens lie on the axis of virtual time from `start` to `start + left`. Turns are served one after another,
inside a turn the earliest deadline first; so before a request is done goes all that lies in earlier turns than its last
token, and in that turn what is due before it. What a batch takes out of order, because it is of the right length, is
left to the margins of whoever asks.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["done_after"]

Floats = NDArray[np.float64]


def done_after(start: Floats, left: Floats, due: Floats, share_tokens: int) -> Floats:
    """float64 (n,): tokens that will have gone through the model when each request is done, its own among them.

    Args:
        start: float64 (n,): virtual time of each one's next token.
        left: float64 (n,): its tokens that have not been through the model.
        due: float64 (n,): its deadline; of equal ones the first in the arrays goes first.
        share_tokens: of a turn.

    Cost: O(n) for each turn that somebody ends in.
    """
    order = np.argsort(due, kind="stable")
    start, left = start[order], left[order]
    last = np.floor((start + np.maximum(left, 1) - 1) / share_tokens)
    done = np.zeros(len(order))
    for turn in np.unique(last):
        earlier, until = (np.clip(edge * share_tokens - start, 0, left) for edge in (turn, turn + 1))
        mine = last == turn
        done[mine] = earlier.sum() + np.cumsum(until - earlier)[mine]
    out = np.empty_like(done)
    out[order] = done
    return out
