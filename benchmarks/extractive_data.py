"""Questions with gold answers and what was found for them: what the extractive generator is fitted and judged on.

Three settings of one question: `given`, its own paragraph alone (the task of SQuAD); `found`, the first `depth`
paragraphs that BM25 finds in the whole collection; `absent`, the same with the paragraphs of its article left out, so
that nothing there answers it. Halves are parted by article: no article has questions in both.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

import spaniel as sp
from spaniel.eval.measures.answers import contains_answer
from spaniel.models.encoders.base import Encoder as OpenEncoder
from spaniel.retrieval.policies.features.words import content_words
from spaniel.retrieval.prompt import Excerpt, Prompt
from spaniel.retrieval.types import Passage

__all__ = ["Case", "Kept", "Where", "cases", "holds", "prompt_of", "shortened"]

Where = Literal["given", "found", "absent"]


@dataclass(frozen=True, slots=True)
class Case:
    """One question.

    Attributes:
        article: the title of its paragraph's article.
        answers: acceptable ones; none for a question without an answer.
        own: its paragraph.
        found: (paragraph, BM25 score), best first.
        absent: the same without its article.
        half: 0 to fit, 1 to show.
    """

    id: str
    question: str
    article: str
    answers: tuple[str, ...]
    own: Passage
    found: tuple[tuple[Passage, float], ...]
    absent: tuple[tuple[Passage, float], ...]
    half: int


def cases(folder: str | Path, *, depth: int = 5, seed: int = 0, short: bool = False) -> list[Case]:
    """All questions of a collection like squad-v2.0-dev: answers.jsonl with `answers` and `context_id`.

    Args:
        short: of each question only one to four of its content words, drawn at random, and its first word every other
            time: what people type. Questions that have no answer are left out: cut short they may have one.
    """
    loaded = sp.collection(folder, all=True)
    passages = {d.id: Passage(d.id, d.id, 0, len(d.text), d.text, d.title) for d in loaded.documents()}
    articles = sorted({passage.title for passage in passages.values()})
    halves = dict(zip(articles, np.random.default_rng(seed).permutation(len(articles)) % 2, strict=True))
    meta = {id_: loaded.query_meta[id_] for id_ in loaded.queries}
    own = {id_: passages[str(meta[id_]["context_id"])] for id_ in meta}
    asked = {id_: question for id_, question in loaded.queries.items() if meta[id_]["answers"] or not short}
    if short:
        draw = np.random.default_rng(seed)
        asked = {id_: shortened(question, draw) for id_, question in asked.items()}
    found = _searched(loaded.path, list(asked.values()), passages, 200)
    told = []
    for (id_, question), hits in zip(asked.items(), found, strict=True):
        answers, article = meta[id_]["answers"], own[id_].title
        assert isinstance(answers, list)
        others = tuple(hit for hit in hits if hit[0].title != article)
        texts = tuple(str(answer) for answer in answers)
        told.append(Case(id_, question, article, texts, own[id_], hits[:depth], others[:depth], int(halves[article])))
    return told


def shortened(question: str, draw: np.random.Generator) -> str:
    """Some of its content words, in order; the question itself where it has none."""
    content = content_words(question)
    if not content:
        return question
    n = min(int(draw.integers(1, 5)), len(content))
    kept = [content[i] for i in sorted(draw.permutation(len(content))[:n])]
    return " ".join(question.split()[:1] * int(draw.integers(2)) + kept)


def _searched(
    path: Path, questions: Sequence[str], passages: Mapping[str, Passage], k: int
) -> list[tuple[tuple[Passage, float], ...]]:
    with tempfile.TemporaryDirectory() as folder, sp.build(path, Path(folder) / "kb") as kb:
        rankings = kb.bm25(k=k).search(questions)
        return [
            tuple((passages[name], score) for name, (_, score) in zip(kb.passages.ids(one.ids), one, strict=True))
            for one in rankings
        ]


def prompt_of(case: Case, where: Where) -> Prompt:
    """What the generator is given of a question."""
    if where == "given":
        return Prompt(case.question, (Excerpt.whole(case.own, score=1.0),))
    hits = case.found if where == "found" else case.absent
    return Prompt(case.question, tuple(Excerpt.whole(passage, score=score) for passage, score in hits))


def holds(text: str, case: Case, where: Where) -> bool:
    """Whether a text holds an acceptable answer; nothing does where the question has none or its article is absent."""
    return where != "absent" and bool(case.answers) and contains_answer(text, case.answers) > 0


class Kept:
    """An encoder that encodes each text once."""

    def __init__(self, encoder: OpenEncoder) -> None:
        self.encoder, self._known = encoder, dict[tuple[str, str], NDArray[np.float32]]()

    def encode(self, texts: Sequence[str], *, kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        """float32 (n, d), as the encoder gives it."""
        fresh = list(dict.fromkeys(text for text in texts if (kind, text) not in self._known))
        if fresh:
            for text, vector in zip(fresh, self.encoder.encode(fresh, kind=kind), strict=True):
                self._known[kind, text] = vector
        return np.array([self._known[kind, text] for text in texts], np.float32)
