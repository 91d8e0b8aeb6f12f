"""Knockout: pairs, winners go on; then those that lost to nobody but the ones already found play again.

The first of n takes n - 1 pairs and ceil(log2 n) rounds, the fewest there are. That is what a knockout is for: picking
*one*, as Pairwise RM does among sampled answers (Liu et al., arXiv 2501.13007). For more than one it goes on as
tournament sort does (Knuth, The Art of Computer Programming 3, sec. 5.2.3): the next best must be among those whom the
last found beat directly. With a noisy judge one wrong answer puts a good passage behind the one it lost to, for good.

The bracket is seeded by the first stage as in sport: first against last, so that the best meet late.
"""

from dataclasses import dataclass
from typing import ClassVar

from spaniel.rerank.questions import Kind, Rounds, Spent

from .preferences import Matches, Preferences

__all__ = ["Beaten", "Knockout", "champion"]

Beaten = dict[int, list[int]]
"""Who was beaten directly by whom."""


@dataclass(frozen=True, slots=True)
class Knockout:
    """The first `top` by a tournament; the others behind.

    Attributes:
        refit: at the end, put the `top` found in the order most likely after all answers (`Preferences.likely`): better
            with a noisy judge and a good first stage, but no longer exact with an exact one.
    """

    name: ClassVar[str] = "knockout"
    asks: ClassVar[Kind] = "prefer"

    refit: bool = False

    def rounds(self, n: int, *, top: int, seed: int) -> Rounds:
        """See `Schedule.rounds`. Cost: n - 1 pairs and ceil(log2 n) rounds for the first; for each further one, as
        many pairs as the one before it had beaten, less one. Two calls a pair in both orders.

        Cut, it returns what was found so far, the rest by all answers (`Preferences.by_wins`).
        """
        seen, heads = Preferences(n), list[int]()
        try:
            yield from seen.play(_heads(n, top, heads))
        except Spent:
            return seen.by_wins(heads, refit=self.refit)
        return seen.by_wins(heads, refit=True) if self.refit else seen.by_place(heads)


def _heads(n: int, top: int, heads: list[int]) -> Matches[None]:
    """Append the best `top` to `heads`, each as soon as it is known."""
    beaten: Beaten = {place: [] for place in range(n)}
    players = list(range(n))
    while players and len(heads) < top:
        heads.append((yield from champion(players, beaten)))
        players = beaten[heads[-1]]


def champion(players: list[int], beaten: Beaten) -> Matches[int]:
    """The winner of a tournament among `players`, at least one; whom each beats is added to `beaten`.

    Seeded by place: in every round the first plays the last, the second the last but one; the middle one of an odd
    number goes on without playing.
    """
    players = sorted(players)
    while len(players) > 1:
        pairs = [(players[at], players[-1 - at]) for at in range(len(players) // 2)]
        won = yield pairs
        for (first, second), first_won in zip(pairs, won, strict=True):
            winner, loser = (first, second) if first_won else (second, first)
            beaten[winner].append(loser)
            players.remove(loser)
    return players[0]
