"""Games against a judge on this machine: what all of them want to know goes to it in batches."""

from collections import deque
from collections.abc import Callable, Iterator
from time import perf_counter

from .asking import Shown
from .game import Game, Rules
from .judges.base import Judged

__all__ = ["run_batched"]

_AHEAD = 4  # batches' worth of calls kept waiting, so that sequential schedules fill batches too
_FIRST = 8  # calls of the first batch under a bound in seconds, while nobody knows how fast the judge is
_PART = 4  # later ones aim at this part of the bound


def run_batched(games: Iterator[Game], rules: Rules, done: Callable[[Game], None]) -> None:
    """Play all of them to the end; `done` is told of each.

    As many begin as fill some batches, so that memory holds the calls of these and not of all.
    """
    queue: deque[tuple[Game, Shown]] = deque()
    size, more = _Size(rules), True
    while more or queue:
        while more and len(queue) < _AHEAD * rules.judge.batch:
            game = next(games, None)
            more = game is not None
            if game is not None:
                game.begin()
                _queue(game, queue, done)
        batch = _batch(queue, size.now)
        if batch:
            start = perf_counter()
            judged = rules.judge.answer(batch[0][0].play.kind, [game.call(shown) for game, shown in batch])
            seconds = perf_counter() - start
            size.learn(len(batch), seconds)
            for game in _delivered(batch, judged, seconds):
                _queue(game, queue, done)


def _queue(game: Game, queue: deque[tuple[Game, Shown]], done: Callable[[Game], None]) -> None:
    if game.over:
        done(game)
    queue.extend((game, shown) for shown in game.new_calls())


def _batch(queue: deque[tuple[Game, Shown]], size: int) -> list[tuple[Game, Shown]]:
    """The calls that have waited longest; those of games that were stopped are dropped."""
    batch: list[tuple[Game, Shown]] = []
    while queue and len(batch) < size:
        game, shown = queue.popleft()
        if not game.over:
            batch.append((game, shown))
    return batch


def _delivered(batch: list[tuple[Game, Shown]], judged: Judged, seconds: float) -> list[Game]:
    """Hand the answers out; the games that they were for, each once, in the order of the batch."""
    games = list(dict.fromkeys(game for game, _ in batch))
    for game, _ in batch:
        game.play.trace.seconds += seconds / len(batch)
    for (game, shown), said in zip(batch, judged.each, strict=True):
        game.take(shown, said)
    for game in games:
        bound = game.rules.budget.seconds
        # Where nothing is left to ask the next round looks at the clock itself.
        if bound is not None and game.play.trace.seconds >= bound and not game.over and game.play.waiting:
            game.play.stop("seconds")
    return games


class _Size:
    """How many calls a batch has: what the judge likes, or less where the clock has to be looked at."""

    def __init__(self, rules: Rules) -> None:
        self._seconds, self._most = rules.budget.seconds, rules.judge.batch
        self.now = self._most if self._seconds is None else min(_FIRST, self._most)

    def learn(self, n_calls: int, seconds: float) -> None:
        """The last batch took that long."""
        if self._seconds is not None:
            fits = n_calls * self._seconds / max(seconds, 1e-9) / _PART
            self.now = max(1, min(self._most, int(min(fits, self._most))))
