"""What every packer promises: inherit `PackerContract` and name the packer."""

from dataclasses import is_dataclass, replace
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spaniel.models.counting import estimated
from spaniel.rag.packing.base import Candidate, Packed, Packer
from spaniel.rag.packing.table import make_packer, settings_of
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import Passage

__all__ = ["PackerContract", "candidates_of", "sentences", "words"]

QUESTION = "Who rotates the red key of the castle?"
# One suite runs on many packers; what fails for one is found again under its own name.
_SHARED = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow, HealthCheck.data_too_large],
)
_WORDS = ["red", "key", "castle", "rotates", "moat", "guard", "Anna", "1968", "a", "Dr.", "\u6f22\u5b57"]


def words(text: str) -> int:
    """A counter that is easy to check by hand: white-space words."""
    return len(text.split())


def sentences() -> st.SearchStrategy[str]:
    """Short sentences, now and then none."""
    sentence = st.lists(st.sampled_from(_WORDS), min_size=1, max_size=6).map(lambda each: " ".join(each) + ".")
    return st.lists(sentence, max_size=4).map(" ".join)


def candidates_of(texts: list[str], scores: list[float] | None = None) -> list[Candidate]:
    """Passages of two documents, an even and an odd one, best first; each stands at its offset in its document."""
    at = {"even": 0, "odd": 0}
    made = []
    for place, text in enumerate(texts):
        doc = "odd" if place % 2 else "even"
        passage = Passage(f"p{place}", doc, at[doc], at[doc] + len(text), text, "Castle" if place % 3 else "")
        at[doc] += len(text) + 1
        made.append(Candidate(passage, scores[place] if scores else float(len(texts) - place)))
    return made


def documents_of(candidates: list[Candidate]) -> dict[str, str]:
    """The documents that `candidates_of` cut."""
    texts: dict[str, str] = {}
    for each in candidates:
        held = texts.get(each.passage.doc_id, "").ljust(each.passage.start)
        texts[each.passage.doc_id] = held[: each.passage.start] + each.passage.text
    return texts


class PackerContract:
    """The suite; `packer` is a set-up small enough for a few passages."""

    packer: ClassVar[Packer]

    def pack(self, texts: list[str], budget: int, scores: list[float] | None = None) -> Packed:
        return self.packer.pack(QUESTION, candidates_of(texts, scores), budget_tokens=budget, count=words)

    def test_plays_the_role_and_stands_in_the_table(self) -> None:
        packer = self.packer
        assert isinstance(packer, Packer) and is_dataclass(packer)
        assert make_packer(packer.name, **settings_of(packer)) == packer
        assert hash(packer) == hash(replace(packer))  # frozen

    @_SHARED
    @given(st.lists(sentences(), max_size=6), st.integers(1, 40))
    def test_never_above_the_budget_and_every_excerpt_is_what_it_says(self, texts: list[str], budget: int) -> None:
        candidates = candidates_of(texts)
        packed = self.packer.pack(QUESTION, candidates, budget_tokens=budget, count=words)
        assert packed.tokens == sum(each.tokens for each in packed.excerpts) <= budget
        assert packed.left_out == len(texts) - len(packed.excerpts)
        documents, seen = documents_of(candidates), set()
        for each in packed.excerpts:
            passage = each.passage
            assert passage in [candidate.passage for candidate in candidates] and passage.id not in seen
            seen.add(passage.id)
            assert each.tokens == words(f"{passage.title} {each.text}")
            assert each.spans and each.spans[0][0] >= passage.start and each.spans[-1][1] <= passage.end
            for (_, end), (start, _) in zip(each.spans, each.spans[1:], strict=False):
                assert end <= start
            for start, end in each.spans:
                assert start < end and documents[passage.doc_id][start:end] in each.text

    @_SHARED
    @given(st.lists(sentences(), max_size=6), st.integers(1, 40))
    def test_the_same_again(self, texts: list[str], budget: int) -> None:
        assert self.pack(texts, budget) == self.pack(texts, budget)

    def test_nothing_in_nothing_out(self) -> None:
        assert self.pack([], 10).excerpts == ()
        assert self.pack(["", "  "], 10).excerpts == ()

    def test_nothing_fits(self) -> None:
        packed = self.pack(["red key castle"] * 3, 1)
        assert packed.excerpts == () and packed.tokens == 0 and packed.left_out == 3

    def test_the_first_of_equals(self) -> None:
        passages = [Passage(f"p{i}", f"d{i}", 0, 25, "the red key of the castle") for i in range(4)]
        equals = [Candidate(passage, 1.0) for passage in passages]
        packed = self.packer.pack(QUESTION, equals, budget_tokens=7, count=words)
        assert [each.passage.id for each in packed.excerpts] == ["p0"]

    def test_no_question_no_failure(self) -> None:
        for question in ("", "?", "\ud800"):
            packed = self.packer.pack(question, candidates_of(["red key."]), budget_tokens=9, count=estimated)
            assert packed.tokens <= 9

    def test_a_budget_below_one_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="the budget is 0 tokens; it must be at least 1"):
            self.pack(["red key"], 0)

    def test_numbers_are_json(self) -> None:
        import json

        json.dumps(dict(self.pack(["the red key.", "a moat.", "Anna rotates the key."], 8).numbers))
