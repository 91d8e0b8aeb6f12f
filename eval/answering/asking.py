"""Every question asked once, and what came of it: answers, failures, milliseconds."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from spaniel.retrieval.errors import LimitExceeded, MissingExtra, ModelError
from spaniel.retrieval.types import Answer

__all__ = ["Answered", "Answerer", "ask_all"]

_GIVE_UP = 5
OnAsked = Callable[[str, int, int], None]


@runtime_checkable
class Answerer(Protocol):
    """What answers questions, such as `spaniel.Engine`. Safe to call from several threads."""

    def ask(self, question: str) -> Answer:
        """The answer, or an abstention.

        Raises:
            ModelError: the generator failed.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What came of all questions.

    Attributes:
        answers: question id -> answer; of a question that failed, an abstention.
        errors: question id -> what went wrong.
        ms: float64 (n,), of each question in order, wall time under the load of all threads.
        seconds: for all of them.
        threads: how many questions were asked at once.
    """

    answers: Mapping[str, Answer]
    errors: Mapping[str, str]
    ms: NDArray[np.float64]
    seconds: float
    threads: int


def ask_all(
    answerer: Answerer, questions: Mapping[str, str], *, threads: int = 1, on_asked: OnAsked | None = None
) -> Answered:
    """Ask every question.

    A question whose generator fails counts as an abstention, and its error is kept; a budget that is spent, or five
    failures before the first answer, end the run.

    Args:
        questions: id -> text.
        threads: questions asked at once; more than one pays where a model elsewhere answers.
        on_asked: told ("asking", questions done, of how many).

    Raises:
        ModelError: the first five questions failed; the message is that of the last.
        LimitExceeded, MissingExtra: as the answerer.
    """
    lock, done, errors = Lock(), [0], dict[str, str]()

    def one(item: tuple[str, str]) -> tuple[Answer, float]:
        id_, text = item
        start = time.perf_counter()
        try:
            answer = answerer.ask(text)
        except (LimitExceeded, MissingExtra):
            raise
        except ModelError as error:
            answer = Answer("", abstained=True, reason=str(error))
            with lock:
                errors[id_] = str(error)
                if len(errors) >= _GIVE_UP and len(errors) == done[0] + 1:
                    raise
        ms = (time.perf_counter() - start) * 1e3
        with lock:
            done[0] += 1
            if on_asked is not None:
                on_asked("asking", done[0], len(questions))
        return answer, ms

    begun = time.perf_counter()
    if threads == 1:
        found = [one(item) for item in questions.items()]
    else:
        with ThreadPoolExecutor(threads) as pool:
            waiting = [pool.submit(one, item) for item in questions.items()]
            try:
                found = [each.result() for each in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    answers = {id_: answer for id_, (answer, _) in zip(questions, found, strict=True)}
    return Answered(answers, errors, np.array([ms for _, ms in found]), time.perf_counter() - begun, threads)
