"""What a judge of `spaniel.rerank` says of passages, asked once each and kept."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np

from spaniel.eval.journal import Journal
from spaniel.rerank.judges.base import Call, Judge
from spaniel.retrieval.closing import Closing
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Passage, Query

__all__ = ["Asked", "Scorer"]

Asked: TypeAlias = tuple[Query, int, Passage]
"""A question, an ordinal, and the passage of it."""

_Key: TypeAlias = tuple[int, int]


class Scorer(Closing):
    """Scores of a judge by question and passage, in memory and, with a folder, on disk.

    Args:
        judge: one that scores; it is not closed.
        folder: where scores are kept beyond this command; None for nowhere, also for a judge without an identity.
        index: identity of the index that ordinals are of.

    Attributes:
        calls: scores that the judge was asked for.
        failed: of these, those without an answer.

    Raises:
        InvalidInput: the judge cannot score, or the folder cannot be written to.
    """

    def __init__(self, judge: Judge, folder: Path | None, index: str) -> None:
        if "score" not in judge.kinds:
            raise InvalidInput(
                "judge", f"{judge.name} gives no scores", hint="take a cross-encoder, cosine, remote or oracle"
            )
        self.judge, self.calls, self.failed = judge, 0, 0
        self._known: dict[_Key, float] = {}
        self._journal: Journal | None = None
        if folder is not None and judge.identity:
            named = blake2b(f"{judge.identity}\0{index}".encode(), digest_size=8).hexdigest()
            definition = {"kind": "scores of a judge", "version": 1, "judge": judge.identity, "index": index}
            self._journal = Journal(folder / f"judge-{named}.journal", cast("Mapping[str, str | int]", definition))
            for record in self._journal.records:
                arrays = (record.arrays[name].tolist() for name in ("questions", "ordinals", "scores"))
                self._known.update(((q, n), score) for q, n, score in zip(*arrays, strict=True))

    def scores(self, asked: Sequence[Asked]) -> list[float | None]:
        """The score of each, None where the judge has failed; what was asked before is not asked again.

        Raises:
            ModelError: the judge fails as a whole.
        """
        keys = [(_number(query), ordinal) for query, ordinal, _ in asked]
        fresh: dict[_Key, Asked] = {key: each for key, each in zip(keys, asked, strict=True) if key not in self._known}
        if fresh:
            self._learn(fresh)
        return [self._known.get(key) for key in keys]

    def _learn(self, fresh: Mapping[_Key, Asked]) -> None:
        calls = [Call(query, (passage,)) for query, _, passage in fresh.values()]
        answers: list[object] = []
        for start in range(0, len(calls), self.judge.batch):
            answers += self.judge.answer("score", calls[start : start + self.judge.batch]).answers
        self.calls += len(calls)
        said = {
            key: float(cast("float", answer)) for key, answer in zip(fresh, answers, strict=True) if answer is not None
        }
        self.failed += len(calls) - len(said)
        self._known.update(said)
        if self._journal is not None and said and not self._journal.read_only:
            self._journal.append(
                {},
                {
                    "questions": np.array([question for question, _ in said], np.int64),
                    "ordinals": np.array([ordinal for _, ordinal in said], np.int64),
                    "scores": np.array(list(said.values()), np.float64),
                },
            )

    def close(self) -> None:
        """Close the file of scores; the judge stays open."""
        if self._journal is not None:
            self._journal.close()


def _number(query: Query) -> int:
    """63 bits of a question: id too, which an oracle goes by."""
    key = f"{query.id}\0{query.text}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(key, digest_size=8).digest(), "little") >> 1
