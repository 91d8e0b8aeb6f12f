"""What each pairwise schedule should do, in the slowest and plainest way; and judges that have no order in mind."""

from collections.abc import Callable, Sequence
from random import Random

from spaniel.rerank.questions import Answer, Prefer, Question

Better = Callable[[int, int], bool]
"""Whether the first is the better of two places."""
Table = dict[tuple[int, int], float]
"""For i < j how much i is preferred."""


def preferences(n: int, seed: int) -> Table:
    """By chance, full of circles and ties."""
    random = Random(seed)
    return {(i, j): random.choice([0.0, 0.5, 1.0]) for j in range(n) for i in range(j)}


def answering(table: Table) -> Callable[[Question], Answer]:
    """A judge, for `run_schedule`."""

    def answer(question: Question) -> Answer:
        assert isinstance(question, Prefer)
        a, b = question.first, question.second
        return table[a, b] if a < b else 1 - table[b, a]

    return answer


def better_by(table: Table) -> tuple[Better, set[tuple[int, int]]]:
    """Who wins, ties going to the smaller place; and the pairs that were asked about."""
    pairs: set[tuple[int, int]] = set()

    def better(a: int, b: int) -> bool:
        pairs.add((min(a, b), max(a, b)))
        return table[a, b] >= 0.5 if a < b else table[b, a] < 0.5

    return better, pairs


def by_win_counts(n: int, table: Table) -> list[int]:
    """A win counts 1, a tie a half."""
    wins = [sum(table[i, j] if i < j else 1 - table[j, i] for j in range(n) if j != i) for i in range(n)]
    return sorted(range(n), key=lambda i: (-wins[i], i))


def heap_firsts(n: int, top: int, better: Better) -> list[int]:
    """Textbook heapsort, recursive, built from the last parent to the root."""
    heap = list(range(n))

    def sift(size: int, at: int) -> None:
        children = [child for child in (2 * at + 1, 2 * at + 2) if child < size]
        if not children:
            return
        best = children[0] if len(children) == 1 or better(heap[children[0]], heap[children[1]]) else children[1]
        if better(heap[best], heap[at]):
            heap[at], heap[best] = heap[best], heap[at]
            sift(size, best)

    for at in reversed(range(n // 2)):
        sift(n, at)
    firsts: list[int] = []
    for size in reversed(range(n)):
        firsts.append(heap[0])
        if len(firsts) == top:
            break
        heap[0] = heap[size]
        sift(size, 0)
    return firsts


def quicksorted(docs: Sequence[int], wanted: int, better: Better) -> list[int]:
    """The whole list, its first `wanted` sorted; pivot the median of first, middle and last."""
    docs = list(docs)
    if len(docs) < 2 or wanted < 1:
        return docs
    if len(docs) == 2:
        return docs if better(*docs) else docs[::-1]
    trio = [docs[0], docs[(len(docs) - 1) // 2], docs[-1]]
    wins = {a: sum(better(a, b) for b in trio if a != b) for a in trio}
    pivot = next(a for a in [trio[1], trio[0], trio[2]] if wins[a] == 1)  # in a circle, everybody has one
    above = [a for a in docs if a != pivot and better(a, pivot)]
    below = [a for a in docs if a != pivot and a not in above]
    return [*quicksorted(above, wanted, better), pivot, *quicksorted(below, wanted - len(above) - 1, better)]


def median_killer(n: int) -> list[int]:
    """Utilities for which the median of first, middle and last is next to the best, whichever stretch is left.

    McIlroy, A killer adversary for quicksort (1999): the plain quicksort above is played, and who is being compared
    gets the next worth as late as possible.
    """
    worth: dict[int, int] = {}
    candidate = 0

    def better(a: int, b: int) -> bool:
        nonlocal candidate
        if a not in worth and b not in worth:
            worth[a if a == candidate else b] = n - len(worth)
        if a not in worth:
            candidate = a
        elif b not in worth:
            candidate = b
        return worth.get(a, 0) > worth.get(b, 0)

    quicksorted(range(n), n, better)
    return [worth.get(place, 0) for place in range(n)]


def bubbled(n: int, passes: int, better: Better) -> list[int]:
    """Passes of bubble sort from the bottom, one after the other."""
    order = list(range(n))
    for done in range(min(passes, max(n - 1, 0))):
        for at in range(n - 1, done, -1):
            if better(order[at], order[at - 1]):
                order[at - 1], order[at] = order[at], order[at - 1]
    return order


def knockout_winner(players: Sequence[int], better: Better) -> tuple[int, list[int]]:
    """The winner, and whom it beat on the way; first against last, a middle one goes on without playing."""
    players, beaten = sorted(players), dict[int, list[int]]()
    while len(players) > 1:
        half = len(players) // 2
        winners = players[half : len(players) - half]
        for a, b in zip(players[:half], players[::-1][:half], strict=True):
            winner, loser = (a, b) if better(a, b) else (b, a)
            winners.append(winner)
            beaten.setdefault(winner, []).append(loser)
        players = sorted(winners)
    return players[0], beaten.get(players[0], [])
