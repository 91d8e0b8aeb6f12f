"""Games against a judge behind a network: each call goes out by itself, and no query waits for another."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from math import inf
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import TypeAlias

from .asking import Shown
from .game import Game, Rules
from .judges.base import Judged

__all__ = ["run_by_themselves"]

_Said: TypeAlias = tuple[Game, Shown, "Future[Judged]"]


def run_by_themselves(games: Iterator[Game], rules: Rules, concurrency: int, done: Callable[[Game], None]) -> None:
    """Play all of them to the end, `concurrency` calls under way at a time; `done` is told of each game.

    Games begin in order, as many as keep the threads busy. Calls under way when a game's seconds end are not waited
    for; they count as calls, and their tokens are not known.

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


class _UnderWay:
    """One game's calls that were sent and have not come back, and how long there have been any."""

    def __init__(self) -> None:
        self.calls: dict[Shown, Future[Judged]] = {}
        self._before, self._since = 0.0, 0.0

    def send(self, shown: Shown, submit: Callable[[], "Future[Judged]"]) -> "Future[Judged]":
        if not self.calls:
            self._since = perf_counter()
        future = self.calls[shown] = submit()
        return future

    def remove(self, shown: Shown) -> None:
        del self.calls[shown]
        if not self.calls:
            self._before += perf_counter() - self._since

    def seconds(self) -> float:
        """The time with a call under way, up to now."""
        return self._before + (perf_counter() - self._since if self.calls else 0.0)


class _Table:
    """The games that have begun, and their calls: those to be sent wait in a queue, first come, first served."""

    def __init__(
        self,
        games: Iterator[Game],
        rules: Rules,
        concurrency: int,
        pool: ThreadPoolExecutor,
        done: Callable[[Game], None],
    ) -> None:
        self._games, self._rules, self._pool, self._done = games, rules, pool, done
        self._concurrency, self._n_sent = concurrency, 0
        self._said: SimpleQueue[_Said] = SimpleQueue()
        self._queue: deque[tuple[Game, Shown]] = deque()
        self._begun: dict[Game, _UnderWay] = {}

    def run(self) -> None:
        more = True
        while more or self._begun:
            while more and len(self._queue) + self._n_sent < 2 * self._concurrency:
                game = next(self._games, None)
                more = game is not None
                if game is not None:
                    self._begun[game] = _UnderWay()
                    game.begin()
                    self._go_on(game)
            self._send()
            if self._n_sent:
                self._wait()

    def _go_on(self, game: Game) -> None:
        """Queue the calls of a new round, or take leave of a game that is over."""
        if game.over:
            del self._begun[game]
            self._done(game)
        else:
            self._queue.extend((game, shown) for shown in game.new_calls())

    def _send(self) -> None:
        while self._queue and self._n_sent < self._concurrency:
            game, shown = self._queue.popleft()
            ask = partial(self._pool.submit, self._rules.judge.answer, game.play.kind, [game.call(shown)])
            future = self._begun[game].send(shown, ask)
            self._n_sent += 1
            future.add_done_callback(lambda said, game=game, shown=shown: self._said.put((game, shown, said)))  # type: ignore[misc]

    def _wait(self) -> None:
        """For the next answer, or for the first game to run out of time."""
        left = self._left_s()
        try:
            if left == 0.0:  # looked at first: answers may come faster than they are taken
                raise Empty
            self._take(*self._said.get(timeout=None if left == inf else left))
        except Empty:
            self._stop_late()

    def _take(self, game: Game, shown: Shown, future: "Future[Judged]") -> None:
        under_way = self._begun.get(game)
        if under_way is None:
            return  # it was stopped
        (said,) = future.result().each
        under_way.remove(shown)
        self._n_sent -= 1
        game.play.trace.seconds = under_way.seconds()
        game.take(shown, said)
        if game.over or game.asks:
            self._go_on(game)

    def _left_s(self) -> float:
        """Seconds until the first of the games has had its time, if no call comes back before; inf without a bound."""
        bound = self._rules.budget.seconds
        if bound is None:
            return inf
        left = [(bound - calls.seconds(), calls) for calls in self._begun.values()]
        return max(0.0, min((seconds for seconds, calls in left if calls.calls or seconds <= 0), default=inf))

    def _stop_late(self) -> None:
        bound = self._rules.budget.seconds or 0.0
        late = {game: seconds for game, calls in self._begun.items() if (seconds := calls.seconds()) >= bound}
        self._queue = deque(entry for entry in self._queue if entry[0] not in late)
        for game, seconds in late.items():
            calls = self._begun[game].calls
            self._n_sent -= len(calls)
            for shown, future in calls.items():
                if not future.cancel():
                    game.play.count(shown)
            game.play.trace.seconds = seconds
            game.play.stop("seconds")
            self._go_on(game)
