"""Games against a judge behind a network: each call goes out by itself, and no query waits for another."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TypeAlias

from .asking import Shown
from .game import Game, Rules
from .judges.base import Judged

__all__ = ["run_by_themselves"]

_Said: TypeAlias = tuple[Game, Shown, "Future[Judged]"]


def run_by_themselves(games: Iterator[Game], rules: Rules, concurrency: int, done: Callable[[Game], None]) -> None:
    """Play all of them to the end, `concurrency` calls under way at a time; `done` is told of each game.

    Games begin in order, as many as keep the threads busy. Calls under way when a game's seconds end are not waited
    for; their cost counts as calls, and their tokens are not known.

    Raises:
        The error of a call; calls that have not begun are dropped then.
    """
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="judge")
    try:
        _Table(games, rules, concurrency, pool, done).run()
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    # Under a bound in seconds nobody wants what is still under way.
    pool.shutdown(wait=rules.budget.seconds is None, cancel_futures=True)


class _Table:
    """The games that have begun, and their calls under way."""

    def __init__(
        self,
        games: Iterator[Game],
        rules: Rules,
        concurrency: int,
        pool: ThreadPoolExecutor,
        done: Callable[[Game], None],
    ) -> None:
        self._games, self._rules, self._pool, self._done = games, rules, pool, done
        self._enough = 2 * concurrency
        self._said: SimpleQueue[_Said] = SimpleQueue()
        self._under_way: dict[Game, dict[Shown, Future[Judged]]] = {}
        self._begun: dict[Game, float] = {}
        self._n_calls = 0

    def run(self) -> None:
        more = True
        while more or self._under_way:
            while more and self._n_calls < self._enough:
                game = next(self._games, None)
                more = game is not None
                if game is not None:
                    self._begun[game] = time.perf_counter()
                    game.begin()
                    self._send(game)
            if self._under_way:
                self._wait()

    def _send(self, game: Game) -> None:
        """Send the calls of a new round, or take leave of a game that is over."""
        if game.over:
            self._under_way.pop(game, None)
            del self._begun[game]
            self._done(game)
            return
        for shown in game.new_calls():
            call = game.call(shown)
            future = self._pool.submit(self._rules.judge.answer, game.play.kind, [call])
            self._under_way.setdefault(game, {})[shown] = future
            self._n_calls += 1
            future.add_done_callback(lambda said, shown=shown: self._said.put((game, shown, said)))  # type: ignore[misc]

    def _wait(self) -> None:
        """For the next answer, or for the first game to run out of time."""
        try:
            game, shown, future = self._said.get(timeout=self._left_s())
        except Empty:
            self._stop_late()
            return
        if future.cancelled() or game not in self._under_way:
            return  # of a game that was stopped
        judged = future.result()
        del self._under_way[game][shown]
        self._n_calls -= 1
        trace = game.play.trace
        trace.seconds = time.perf_counter() - self._begun[game]
        trace.truncated += judged.truncated
        trace.repaired += judged.repaired
        game.take(shown, judged.answers[0], judged.tokens[0])
        if game.over or game.asks:
            self._send(game)

    def _left_s(self) -> float | None:
        """Seconds until the game that began first has had its time; None without a bound."""
        bound = self._rules.budget.seconds
        if bound is None:
            return None
        return max(0.0, min(self._begun.values()) + bound - time.perf_counter())

    def _stop_late(self) -> None:
        bound = self._rules.budget.seconds or 0.0
        now = time.perf_counter()
        for game in [game for game, begun in self._begun.items() if now - begun >= bound]:
            calls = self._under_way.pop(game)
            self._n_calls -= len(calls)
            for shown, future in calls.items():
                if not future.cancel():
                    game.play.count(shown)
            game.play.trace.seconds = now - self._begun[game]
            game.play.stop("seconds")
            self._send(game)
