"""NFKC and case folding, and that code points newer than our tables cannot make two Python releases disagree."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.analysis.normalize import nfkc_casefold, nfkc_casefold_bytes
from spaniel.index.analysis.unicode_tables import UNASSIGNED_RUNS

UNASSIGNED = {
    c for run in UNASSIGNED_RUNS.split() for c in range(int(run.split("-")[0], 16), int(run.split("-")[1], 16) + 1)
}


@given(st.text())
def test_equals_the_standard_library_on_assigned_text(text: str) -> None:
    text = "".join(c for c in text if ord(c) not in UNASSIGNED)
    expected = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    assert nfkc_casefold(text) == expected
    assert nfkc_casefold_bytes(text.encode()) == expected.encode()


def test_every_unassigned_code_point_and_surrogate_is_replaced_and_no_other() -> None:
    for c in range(0x110000):
        replaced = c in UNASSIGNED or 0xD800 <= c < 0xE000
        assert (nfkc_casefold("a" + chr(c)) == "a\ufffd") == (replaced or c == 0xFFFD), hex(c)


def test_bytes_that_are_not_utf8_do_no_harm() -> None:
    assert nfkc_casefold_bytes(b"A\xff\xc3(\xed\xa0\x80") == "a\ufffd\ufffd(\ufffd\ufffd\ufffd".encode()


def test_turkish() -> None:
    assert nfkc_casefold("Iİi I\u0307", turkish=True) == "ıii i"
