"""An answer's references: verified spans of the stored documents, whatever a model writes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaniel.rag.citations import DROPPED, Cited, cited
from spaniel.rag.citations.folding import folded
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.prompt import Excerpt, Piece, Prompt, Quoted
from spaniel.retrieval.types import Passage

KEYS = "Rotate keys every year. Keep them safe, in a vault. It’s  “really”  quite – important since 2024."
TEA = "Tea is a drink.\nIt is made of leaves: 3 g a cup. Keep them dry."
STORED = {"keys": KEYS, "tea": TEA}


def whole(doc_id: str, start: int = 0, end: int | None = None) -> Excerpt:
    text = STORED[doc_id]
    end = len(text) if end is None else end
    return Excerpt.whole(Passage(f"{doc_id}#{start}", doc_id, start, end, text[start:end]))


PROMPT = Prompt("how often are keys rotated?", (whole("keys", 0, 51), whole("tea"), whole("keys", 52)))


def check(found: Cited, stored: Mapping[str, str] = STORED) -> None:
    """What holds of every answer."""
    ids = {each.passage.id: each.passage.doc_id for each in PROMPT.excerpts}
    for each in found.citations:
        start, end = each.source_span
        assert each.verified and each.text and stored[ids[each.passage_id]][start:end] == each.text
        assert 0 <= each.answer_span[0] < each.answer_span[1] <= len(found.text)
    assert set(found.dropped) <= set(DROPPED) and all(count > 0 for count in found.dropped.values())
    assert [place for each in found.sentences for place in each.citations] == list(range(len(found.citations)))
    for sentence in found.sentences:
        assert all(found.citations[place].answer_span == sentence.span for place in sentence.citations)
        assert found.text[slice(*sentence.span)].strip()


def run(text: str) -> tuple[str, list[str], dict[str, int]]:
    found = cited(text, PROMPT, STORED)
    check(found)
    return found.text, [each.text for each in found.citations], dict(found.dropped)


def test_a_quotation_is_found_and_shown_as_it_is_stored() -> None:
    said = "It matters [3: \"it's 'really' quite - important\"]."
    assert run(said) == ("It matters [3].", ["It’s  “really”  quite – important"], {})


def test_a_quotation_across_the_border_of_two_passages() -> None:
    assert run('Do [1: "Keep them safe, in a vault. It\'s really"]')[2] == {"not_verbatim": 1}
    assert run('Do [1: "in a vault. It\'s"]') == ("Do [1]", ["in a vault. It’s"], {})


def test_a_quotation_in_parts() -> None:
    assert run('Do [1: "Rotate keys ... in a vault"]') == ("Do [1]", ["Rotate keys", "in a vault"], {})
    assert run('Do [1: "in a vault ... Rotate keys"]') == ("Do", [], {"not_verbatim": 1})


def test_a_quotation_of_another_document_is_dropped() -> None:
    assert run('So it is [2: "Rotate keys every year"].') == ("So it is.", [], {"not_verbatim": 1})


def test_a_quotation_does_not_cut_words() -> None:
    assert run('So it is [1: "eep the"].')[2] == {"not_verbatim": 1}


def test_the_occurrence_in_the_passage_counts() -> None:
    stored = {"d": "one key. one key. one key."}
    for start, expected in ((0, 0), (9, 9), (18, 18)):
        passage = Passage("p", "d", start, start + 8, "one key.")
        found = cited('x [1: "one key"]', Prompt("q", (Excerpt.whole(passage),)), stored)
        assert found.citations[0].source_span == (expected, expected + 7)


def test_without_a_quotation_the_sentence_that_holds_the_claim() -> None:
    assert run("Keys are rotated each year [1].") == (
        "Keys are rotated each year [1].",
        ["Rotate keys every year."],
        {},
    )
    assert run("It takes 3 g of leaves [2].")[1] == ["It is made of leaves: 3 g a cup."]
    assert run("It takes 5 g of leaves [2].") == ("It takes 5 g of leaves.", [], {"not_supported": 1})
    assert run("Penguins swim far [1].") == ("Penguins swim far.", [], {"not_supported": 1})


def test_two_sentences_that_hold_the_claim_together() -> None:
    assert run("Keys are rotated yearly and kept safe in a vault [1].")[1] == [KEYS[:51]]


def test_numbers_of_nothing() -> None:
    assert run("Keep them safe [0] [4] [77].") == ("Keep them safe.", [], {"no_such_excerpt": 3})
    assert run("Keep them safe [1-9].")[2]["no_such_excerpt"] == 1


def test_references_that_cannot_be_read() -> None:
    said = "Rotate keys every year【4:0†source】 and keep them safe 【5:1†keys.pdf】. Tea is a drink [see 2]."
    text, quoted, dropped = run(said)
    assert text == "Rotate keys every year and keep them safe. Tea is a drink [2]." and len(quoted) == 1
    assert dropped == {"malformed": 2}
    assert run(r"Keys are rotated each year \[1\]. It is so \[7\], or so [p. 9].") == (
        "Keys are rotated each year [1]. It is so, or so.", ["Rotate keys every year."], {"no_such_excerpt": 2},
    )  # fmt: skip


@pytest.mark.parametrize("begun", [' [1: "Rotate ke', ' [1: "Rotate', " [1", " ["])
def test_a_reference_that_was_cut_off(begun: str) -> None:
    pieces = [Piece(f"Tea is a drink [2]. Rotate keys every year{begun}"), Piece(finish="length")]
    found = cited(pieces, PROMPT, STORED)
    check(found)
    assert found.text == "Tea is a drink [2]. Rotate keys every year" and dict(found.dropped) == {"malformed": 1}
    whole = cited([pieces[0], Piece(finish="stop")], PROMPT, STORED)
    assert "malformed" not in whole.dropped and whole.text.endswith(begun)


def test_a_quotation_alone_and_a_reference_that_was_cut_off() -> None:
    found = cited([Piece('[1: "Rotate keys"] [1: "Kee', finish="length")], PROMPT, STORED)
    check(found)
    assert found.text == "“Rotate keys” [1]" and dict(found.dropped) == {"malformed": 1}


def test_an_escaped_number_of_the_source_stays() -> None:
    found = cited(r"Then arr\[2\] is printed.", TALL, {**STORED, "code": CODE})
    assert found.text == r"Then arr\[2\] is printed." and not found.dropped


def test_a_reference_after_the_stop_or_before_the_sentence() -> None:
    text, quoted, _ = run("Rotate keys every year. [1] Keep it dry. [2]")
    assert text == "Rotate keys every year. [1] Keep it dry. [2]"
    assert quoted == ["Rotate keys every year.", "Keep them dry."]
    assert run("[1] Rotate keys every year.\n[2] Keep it dry.")[1] == quoted


def test_nothing_but_a_quotation_is_an_answer() -> None:
    assert run('[1: "Rotate keys"]') == ("“Rotate keys” [1]", ["Rotate keys"], {})
    assert run('[1: "Rotate keys"] [7]')[2] == {"no_such_excerpt": 1}


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("[1]", {"no_claim": 1}),
        ("[1] [2]", {"no_claim": 2}),
        ("[1-999999999]", {"no_such_excerpt": 1, "no_claim": 3}),
    ],
)
def test_references_alone_stand_by_no_words(text: str, dropped: dict[str, int]) -> None:
    assert run(text) == ("", [], dropped)


def test_quoted_words_in_the_text() -> None:
    assert run('They say "in a vault" [1].') == ('They say "in a vault" [1].', ["in a vault"], {})
    # Words in quotation marks need not be a quotation: then the sentence is looked at.
    assert run('Rotate "all" keys every year [1].')[1] == ["Rotate keys every year."]


def test_the_same_twice_is_one_citation() -> None:
    text, quoted, _ = run('Rotate keys [1: "every year"] [1: "every year"].')
    assert text == "Rotate keys [1] [1]." or text == "Rotate keys [1]."
    assert quoted == ["every year"]


def test_documents_that_are_gone_or_changed() -> None:
    found = cited("Keys are rotated each year [1].", PROMPT, {"tea": TEA})
    assert (found.text, dict(found.dropped)) == ("Keys are rotated each year.", {"no_source": 1})
    changed = {**STORED, "keys": "Something else."}
    found = cited('Keys are rotated [1: "every year"] [1].', PROMPT, changed)
    assert dict(found.dropped) == {"not_verbatim": 1, "not_supported": 1}


class Passages:
    """A store of passages without documents."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = list(passages)

    def get(self, ordinals: Any) -> list[Passage]:
        return [self.passages[ordinal] for ordinal in ordinals]

    def ids(self, ordinals: Any) -> list[str]:
        return [self.passages[ordinal].id for ordinal in ordinals]

    def doc_ids(self, ordinals: Any) -> list[str]:
        return [self.passages[ordinal].doc_id for ordinal in ordinals]

    def ordinals_of(self, ids: Any) -> dict[str, int]:
        return {each.id: place for place, each in enumerate(self.passages) if each.id in ids}


def test_a_store_of_passages_is_read_again() -> None:
    store = Passages([PROMPT.excerpts[1].passage, PROMPT.excerpts[2].passage])
    found = cited('It is [3: "quite - important"], see [1].', PROMPT, store)
    check(found)
    assert [each.text for each in found.citations] == ["quite – important"]
    assert dict(found.dropped) == {"no_source": 1}


class Whole(Passages):
    """The same with documents, and the names of those that were read."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        super().__init__(passages)
        self.read = []

    def document_text(self, doc_id: str) -> str | None:
        self.read.append(doc_id)
        return STORED.get(doc_id)


def test_a_document_is_read_only_for_what_its_passage_does_not_hold() -> None:
    stored = Whole([each.passage for each in PROMPT.excerpts])
    found = cited(
        'Do [1: "in a vault"]. Keys are rotated each year [1]. It is [3: "quite - important"].', PROMPT, stored
    )
    check(found)
    assert len(found.citations) == 3 and stored.read == []
    found = cited('Do [1: "in a vault. It\'s"]. Do [2: "nobody wrote this"].', PROMPT, stored)
    check(found)
    assert len(found.citations) == 1 and stored.read == ["keys", "tea"]


def test_spans_that_a_generator_hands_over_are_read_again() -> None:
    pieces = [Piece("Yearly.", quoted=(Quoted(1, 0, 23),)), Piece(' So [2: "Keep them dry"].'), Piece(finish="stop")]
    found = cited(pieces, PROMPT, STORED)
    check(found)
    assert found.text == "Yearly. [1] So [2]."
    assert [each.text for each in found.citations] == [KEYS[:23], "Keep them dry"]
    assert [found.text[slice(*line.span)] for line in found.sentences] == ["Yearly.", "So [2]."]


@pytest.mark.parametrize(
    ("quoted", "why"),
    [
        (Quoted(0, 0, 23), "no_such_excerpt"),
        (Quoted(4, 0, 23), "no_such_excerpt"),
        (Quoted(1, 40, 60), "not_verbatim"),  # beyond what was shown
        (Quoted(1, 5, 5), "not_verbatim"),
        (Quoted(1, 23, 24), "not_verbatim"),  # a space
        (Quoted(1, -3, 5), "not_verbatim"),
    ],
)
def test_spans_that_were_not_shown_do_not_count(quoted: Quoted, why: str) -> None:
    found = cited([Piece("Keys are rotated each year.", quoted=(quoted,))], PROMPT, STORED)
    assert not found.citations and dict(found.dropped) == {why: 1} and found.text == "Keys are rotated each year."


def test_spans_of_a_document_that_has_changed_do_not_count() -> None:
    pieces = [Piece("Keys are rotated each year.", quoted=(Quoted(1, 0, 23),))]
    assert dict(cited(pieces, PROMPT, {"keys": KEYS.upper()}).dropped) == {"not_verbatim": 1}
    assert dict(cited(pieces, PROMPT, {}).dropped) == {"no_source": 1}


def test_a_piece_that_says_nothing_cites_nothing() -> None:
    said = Piece("Yearly.", quoted=(Quoted(1, 0, 23),))
    found = cited([said, Piece(" ", quoted=(Quoted(2, 0, 15),))], PROMPT, STORED)
    assert [each.text for each in found.citations] == [KEYS[:23]] and not found.dropped


def test_what_is_quoted_knowingly_refers_to_nothing() -> None:
    found = cited([Piece('"No" [2], 【3: "said"】 `a[1]` ².', quoted=(Quoted(1, 0, 23),))], PROMPT, STORED)
    assert found.text == '"No" (2), (3: "said") `a[1]` ². [1]' and len(found.citations) == 1


def test_what_is_refused() -> None:
    with pytest.raises(InvalidInput, match="min_support"):
        cited("", PROMPT, STORED, min_support=2)
    with pytest.raises(InvalidInput, match="neither documents nor passages"):
        cited("", PROMPT, 7)  # type: ignore[arg-type]


CODE = "The value arr[2] is printed. It was built in 1889.[12] It is tall.[3] Then see the notes [1] there, or [2]."
TALL = Prompt("what does argv[1] hold?", (*PROMPT.excerpts, Excerpt.whole(Passage("code", "code", 0, len(CODE), CODE))))


@pytest.mark.parametrize(
    "text",
    [
        "arr[3] first printed. [1]", "It was built in 1889.[12] And it is tall.[3]", "Sure, see the notes [1] there.",
        "argv[1]", "Then sys.argv[2] comes, not argv[1]", "[1] Penguins\nand arr[3] is",
    ],
)  # fmt: skip
def test_numbers_that_are_the_text_s_own_stay(text: str) -> None:
    """Those of sources and questions, and what may be an index and holds for nothing."""
    own = re.sub(r"^\[1\]|(?<=printed\.) \[1\]", "", text)
    found = cited(text, TALL, {**STORED, "code": CODE})
    assert found.text == own and not found.citations
    assert sum(found.dropped.values()) == (own != text)


def test_a_number_of_the_source_that_holds_is_a_reference() -> None:
    code = "Keep them dry. As they wrote [2] before."
    prompt = Prompt("what?", (whole("keys", 0, 51), whole("tea"), Excerpt.whole(Passage("c", "c", 0, len(code), code))))
    found = cited("Keep it dry, they wrote [2].", prompt, {**STORED, "c": code})
    assert found.text == "Keep it dry, they wrote [2]." and not found.dropped


def test_who_writes_references_right_behind_words_writes_no_index() -> None:
    assert run("Penguins swim[1] far, and dive[2].") == ("Penguins swim far, and dive.", [], {"not_supported": 2})
    assert run("Penguins swim[1] far.")[0] == "Penguins swim[1] far."
    assert run("Rotate keys[1] every year.")[:2] == ("Rotate keys[1] every year.", ["Rotate keys every year."])


OWN = [
    "data[0]", "arr[7]", "[x]", "[text](https://x.y/z)", "[2024](https://x.y)", "x²", "f(x)[1]", "to", "a_b[2]", "is.",
    "[0, 1]", "1889.[12]", "It is tall.[3]", "Then see the notes [1] there, or [2].", "`v[1]`", "\n", "arr[2]", "(3)",
    "[the text][1]", "y = [1, 2]", "argv[1]", "[sic]", "[", "]", "...", "[a1]", "[1.", r"data\[0\]", "[12:30]",
]  # fmt: skip


@settings(max_examples=200)
@given(st.lists(st.sampled_from(OWN), max_size=10).map(" ".join))
def test_a_text_without_references_comes_out_as_it_is(text: str) -> None:
    found = cited(f"So: {text}", TALL, {**STORED, "code": CODE})
    assert found.text == f"So: {text}" and not found.dropped


ODD = ["penguin", "5", "\n", "...", "“", '"', "’", "é", "e\u0301", "[", "]", ". ", "! ", "`", "```"]
WORDS = st.sampled_from([*KEYS.split(), *TEA.split(), *ODD])
QUOTE = st.lists(WORDS, max_size=6).map(" ".join)
MARK = st.one_of(
    st.sampled_from(
        [
            "[1]",
            "[2, 3]",
            r"\[7\]",
            "【4:0†source】",
            "[see 8]",
            "[1-9]",
            "[0]",
            "【3】",
            "¹",
            "²³",
            "[passage 2]",
            "[1](https://x.y)",
            "[99999]",
        ]
    ),
    st.builds(lambda n, quote: f'[{n}: "{quote}"]', st.integers(0, 5), QUOTE),
    st.builds(lambda n, quote: f'"{quote}" [{n}]', st.integers(0, 5), QUOTE),
    st.builds(lambda n, a, b: f"[{n}: “{a}”; 2: '{b}'", st.integers(0, 5), QUOTE, QUOTE),
)
ADVERSARIAL = st.lists(st.one_of(QUOTE, MARK, st.text(max_size=10)), max_size=12)


@settings(max_examples=300)
@given(ADVERSARIAL.map(" ".join))
def test_every_citation_shown_is_verbatim(text: str) -> None:
    found = cited(text, PROMPT, STORED)
    check(found)
    again = cited(found.text, PROMPT, STORED)  # no reference that did not hold is left in the text
    assert "no_such_excerpt" not in again.dropped


@settings(max_examples=150)
@given(st.data())
def test_every_copy_of_stored_words_is_found(data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 3))
    excerpt = PROMPT.excerpts[number - 1]
    words = excerpt.text.split()
    start = data.draw(st.integers(0, len(words) - 3))
    end = data.draw(st.integers(start + 3, len(words)))
    quote = " ".join(words[start:end]).translate({0x201C: "'", 0x201D: "'", 0x2019: "'", 0x2013: "-"}).upper()
    found = cited(f'It is so [{number}: "{quote}"].', PROMPT, STORED)
    check(found)
    [citation] = found.citations
    assert folded(citation.text).text.strip(".,:") == folded(quote).text.strip(".,:")
