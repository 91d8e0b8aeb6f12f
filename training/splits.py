"""Holding questions out: the dev split of what has none.

Each question's place is a hash of the seed and of its text, so that it does not depend on the order of a file, and
questions that are added later leave most of the others where they were.
"""

import hashlib
import math
from collections.abc import Sequence

from spaniel.retrieval.errors import InvalidInput

from .examples import Example
from .leaks import same_question

__all__ = ["DEFAULT_SHARE", "FEWEST", "MOST", "held_out", "how_many"]

DEFAULT_SHARE = 0.1
FEWEST, MOST = 50, 500
"""Of questions held out when nobody says how many: fewer say little, more only take time."""


def how_many(n: int, dev: float | int | None) -> int:
    """How many of n questions are held out.

    Args:
        dev: a share below 1, a number from 1 on, or 0 for none; by default a tenth, at least 50 and at most 500, but
            never more than a quarter of what there is.

    Raises:
        InvalidInput: a share or number that cannot be, or that leaves nothing to train on.
    """
    if dev is None:
        return min(max(round(DEFAULT_SHARE * n), FEWEST), MOST, n // 4)
    if isinstance(dev, bool) or not 0 <= dev < math.inf or (dev >= 1 and dev != int(dev)):
        raise InvalidInput("dev", f"{dev!r} is neither a share below 1 nor a whole number of questions")
    number = round(dev * n) if dev < 1 else int(dev)
    if number >= n:
        raise InvalidInput("dev", f"{number} of {n} questions would be held out, and none be left to train on")
    return number


def held_out(examples: Sequence[Example], number: int, *, seed: int) -> tuple[list[Example], list[Example]]:
    """(those left, those held out), both in the order given.

    Args:
        examples: no question twice (`leaks.merged`).
        seed: another one draws others.

    Cost: one hash a question.
    """
    ranked = sorted(range(len(examples)), key=lambda place: _draw(examples[place].text, seed))
    chosen = set(ranked[:number])
    left = [example for place, example in enumerate(examples) if place not in chosen]
    return left, [examples[place] for place in sorted(chosen)]


def _draw(text: str, seed: int) -> bytes:
    key = f"{seed}\0{same_question(text)}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(key, digest_size=16).digest()
