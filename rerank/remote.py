"""A rerank server as a judge, and as a stage of a pipeline.

    pipeline = kb.bm25(k=100) >> RemoteReranker("http://localhost:8080")

All passages of a query go in one request, several requests side by side.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from spaniel.models.text import passage_text

from .budget import Budget
from .client import Dialect, RerankClient
from .judges.base import Call, Judge, Judged
from .reranker import Rerank
from .schedules.base import Schedule
from .whole import check_whole

__all__ = ["MAX_LENGTH", "RemoteJudge", "RemoteReranker"]

MAX_LENGTH = 512
"""Tokens of a pair that most cross-encoders read."""
_PER_REQUEST = 100


class RemoteJudge(Judge):
    """Scores passages by a server (`client.py`); title and text go as one.

    A blank query is not sent, since servers refuse it: its calls have no answer. A server counts the tokens of a whole
    request, so that traces share them out, and budgets go by `estimate` alone.

    Args:
        client: to the server.
        concurrency: requests under way at a time.
        max_length: tokens that the server reads of a query with a passage, beyond which no estimate goes.

    Raises:
        InvalidInput: a concurrency or a length below 1.
    """

    kinds = frozenset({"score"})
    symmetric = True

    def __init__(self, client: RerankClient, *, concurrency: int = 4, max_length: int = MAX_LENGTH) -> None:
        super().__init__()
        check_whole("remote", "concurrency", concurrency, least=1)
        check_whole("remote", "max_length", max_length, least=1)
        self.client, self.concurrency, self._max_length = client, concurrency, max_length
        self.batch = concurrency * _PER_REQUEST
        self.name = f"remote({client.url})"

    def estimate(self, calls: Sequence[Call]) -> list[int]:
        """See `Judge.estimate`: by bytes, up to what the server reads."""
        return [
            min(estimated, self._max_length * len(call.passages))
            for call, estimated in zip(calls, super().estimate(calls), strict=True)
        ]

    def _score(self, calls: Sequence[Call]) -> Judged:
        of_query: dict[str, list[int]] = {}
        for place, call in enumerate(calls):
            if call.query.text.strip():
                of_query.setdefault(call.query.text, []).append(place)
        answers: list[float | None] = [None] * len(calls)
        tokens, truncated, requests = [0] * len(calls), 0, 0
        with ThreadPoolExecutor(min(self.concurrency, max(1, len(of_query)))) as workers:
            texts = [[_text(calls[place]) for place in places] for places in of_query.values()]
            for places, done in zip(of_query.values(), workers.map(self.client.score, of_query, texts), strict=True):
                requests, truncated = requests + done.requests, truncated + done.truncated
                for nth, place in enumerate(places):
                    answers[place] = float(done.scores[nth])
                    tokens[place] = done.tokens * (nth + 1) // len(places) - done.tokens * nth // len(places)
        return Judged(answers, tokens, truncated, model_calls=requests, alone=self.estimate(calls))


def _text(call: Call) -> str:
    return passage_text(call.passages[0].title, call.passages[0].text)


class RemoteReranker(Rerank):
    """Reranks by a server that speaks Jina's, Cohere's or TEI's dialect; see `Rerank` for what comes out.

    Args:
        url, dialect, model, key: see `RerankClient`.
        schedule: which passages are scored; all of the first `depth` unless you say otherwise.
        depth: how many passages of a ranking are reranked.
        concurrency: requests under way at a time.
        max_length: tokens that the server reads of a query with a passage; what budgets of tokens go by.
        budget, keep_rest, name: see `Rerank`.
        client_options: further arguments of `RerankClient`.

    Raises:
        InvalidInput: see `RerankClient` and `Rerank`.
    """

    def __init__(
        self,
        url: str,
        *,
        dialect: Dialect = "jina",
        model: str = "",
        key: str | None = None,
        schedule: Schedule | str | None = None,
        depth: int = 100,
        concurrency: int = 4,
        max_length: int = MAX_LENGTH,
        budget: Budget | None = None,
        keep_rest: bool = True,
        name: str | None = None,
        **client_options: Any,
    ) -> None:
        client = RerankClient(url, dialect=dialect, model=model, key=key, **client_options)
        judge = RemoteJudge(client, concurrency=concurrency, max_length=max_length)
        super().__init__(judge, schedule, depth=depth, budget=budget, keep_rest=keep_rest, name=name or judge.name)
