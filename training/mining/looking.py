"""Looking at the texts of candidates, question by question, until enough are kept.

A candidate is dropped whose text is that of a positive, of the question or of one that is kept; with a judge, also one
whose score is not below that of the positive by the margins. No more are looked at than it takes, since a judge may
cost: each round looks at as many as are still wanted, of all questions at once, so that a judge gets whole batches.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from spaniel.models.text import passage_text
from spaniel.retrieval.protocols import PassageStore
from spaniel.retrieval.types import Passage, Query
from spaniel.training.examples import Example

from .candidates import PossibleNegatives
from .judging import Asked, Scorer
from .settings import MiningSettings

__all__ = ["looked_at"]


@dataclass(slots=True)
class _Question:
    """One question under way: its candidates, how far they were looked at, and what is kept."""

    example: Example
    found: PossibleNegatives
    kept: list[int] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)
    place: int = 0
    calls: int = 0
    bound: float | None = None
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def query(self) -> Query:
        return Query(self.example.id, self.example.text)

    def next(self, settings: MiningSettings, *, judged: bool) -> list[int]:
        """The candidates to look at now; none when this question is done."""
        wanted = settings.n - len(self.kept)
        if judged and settings.judge_calls is not None:
            wanted = min(wanted, settings.judge_calls - self.calls)
        some: list[int] = self.found.ordinals[self.place : self.place + max(wanted, 0)].tolist()
        self.place += len(some)
        return some


def looked_at(
    found: Sequence[tuple[Example, PossibleNegatives]],
    passages: PassageStore,
    settings: MiningSettings,
    scorer: Scorer | None,
) -> tuple[list[list[int]], Counter[str]]:
    """The negatives of each question, the hardest first, and what was counted on the way.

    Raises:
        ModelError: the judge fails as a whole.
        IndexCorrupt: a passage is damaged.
    """
    questions = [_Question(example, each, counts=Counter(each.counts)) for example, each in found]
    _read_positives(questions, passages, settings, scorer)
    waiting = [each for each in questions if scorer is None or each.bound is not None]
    while waiting:
        looking = [(each, n) for each in waiting for n in each.next(settings, judged=scorer is not None)]
        texts = dict(zip((n for _, n in looking), passages.get([n for _, n in looking]), strict=True))
        _keep([(each, n, texts[n]) for each, n in looking], settings, scorer)
        still = dict.fromkeys(id(each) for each, _ in looking)
        waiting = [each for each in waiting if id(each) in still]
    for each in questions:
        kept = set(each.kept)
        each.kept = [n for n in each.found.by_rank.tolist() if n in kept]
        each.counts["not_looked_at"] += len(each.found.ordinals) - each.place
        each.counts["questions_short"] += 0 < len(each.kept) < settings.n
        each.counts["questions_without"] += not each.kept
    return [each.kept for each in questions], sum((each.counts for each in questions), Counter[str]())


def _read_positives(
    questions: Sequence[_Question], passages: PassageStore, settings: MiningSettings, scorer: Scorer | None
) -> None:
    """What no negative may say, and, with a judge, the score that none may have."""
    every = sorted({n for each in questions for n in each.found.positives})
    texts = dict(zip(every, passages.get(every), strict=True))
    asked: list[Asked] = []
    shown: list[list[int]] = []
    for each in questions:
        each.texts = {_said(texts[n]) for n in each.found.positives} | {_folded(each.example.text)}
        most = min(settings.judged_positives, (settings.judge_calls or settings.judged_positives + 1) - 1)
        shown.append(list(each.found.positives[: max(most, 1)]))
        asked += [(each.query, n, texts[n]) for n in shown[-1]]
    if scorer is None:
        return
    scores = iter(scorer.scores(asked))
    for each, some in zip(questions, shown, strict=True):
        each.calls = len(some)
        known = [score for score in (next(scores) for _ in some) if score is not None]
        if known:
            each.bound = settings.highest(settings.reference(known, len(known), judged=True))
        else:
            each.counts["questions_positive_not_judged"] += 1


def _keep(looking: list[tuple[_Question, int, Passage]], settings: MiningSettings, scorer: Scorer | None) -> None:
    """Put down those that pass, in the order given."""
    new: list[tuple[_Question, int, Passage]] = []
    for question, ordinal, passage in looking:
        text = _said(passage)
        if text in question.texts:
            question.counts["same_text"] += 1
            continue
        question.texts.add(text)
        new.append((question, ordinal, passage))
    if scorer is None:
        for question, ordinal, _ in new:
            question.kept.append(ordinal)
        return
    scores = scorer.scores([(question.query, ordinal, passage) for question, ordinal, passage in new])
    for (question, ordinal, _), score in zip(new, scores, strict=True):
        question.calls += 1
        if score is None:
            question.counts["judge_failed"] += 1
        elif question.bound is not None and score > question.bound:
            question.counts["judge"] += 1
        else:
            question.kept.append(ordinal)


def _said(passage: Passage) -> str:
    return _folded(passage_text(passage.title, passage.text))


def _folded(text: str) -> str:
    return text.strip().casefold()
