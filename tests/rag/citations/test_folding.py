"""Folding against the same, letter by letter; and the way back."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.rag.citations.folding import fold, folded


@given(st.text(max_size=80))
def test_as_letter_by_letter(text: str) -> None:
    forms = [fold(letter) for letter in text]
    found = folded(text)
    assert found.text == "".join(forms)
    assert found.places.tolist() == [place for place, form in enumerate(forms) for _ in form]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The  key’s\nname", "the key's name"),
        ("new – or — old", "new - or - old"),
        ("ﬁne ＡＢＣ １２", "fine ABC 12"),
        ("café", unicodedata.normalize("NFD", "café")),
        ("“so”, «so»", '"so", "so"'),
        ("Straße", "STRASSE"),
        ("wait…", "wait..."),
        ("[3] <b>", "(3) < b>"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("\ufb01\u0301", "fi\u0301"),
    ],
)
def test_alike(one: str, other: str) -> None:
    assert folded(one).text == folded(other).text


def test_what_differs_in_words_stays_different() -> None:
    assert folded("not now").text != folded("now").text
    assert folded("resumé").text != folded("resume").text
    assert folded("x + 1").text != folded("x - 1").text


@given(st.text(min_size=1, max_size=40), st.data())
def test_spans_go_back_to_what_they_were_folded_from(text: str, data: st.DataObject) -> None:
    found = folded(text)
    if not found.text:
        return
    start = data.draw(st.integers(0, len(found.text) - 1))
    end = data.draw(st.integers(start + 1, len(found.text)))
    low, high = found.span(start, end)
    assert found.text[start:end] in folded(text[low:high]).text
