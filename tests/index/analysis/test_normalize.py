"""NFKC and case folding, and that code points newer than our tables cannot make two Python releases disagree."""

import re
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


def test_unassigned_code_points_and_surrogates_are_replaced_and_no_others() -> None:
    """All up to U+FFFF; beyond, both sides of every end of a run, and every 97th."""
    ends = {int(end, 16) + step for end in re.split("[- \n]+", UNASSIGNED_RUNS.strip()) for step in (-1, 0, 1)}
    chosen = set(range(0x10000)) | set(range(0x10000, 0x110000, 97)) | {c for c in ends if 0 <= c < 0x110000}
    code_points = sorted(chosen - {0x0A})
    lines = nfkc_casefold("\n".join(map(chr, code_points))).split("\n")
    replaced = {c for c, line in zip(code_points, lines, strict=True) if line == "\ufffd"}
    assert replaced == chosen & (UNASSIGNED | set(range(0xD800, 0xE000)) | {0xFFFD})


def test_bytes_that_are_not_utf8_do_no_harm() -> None:
    assert nfkc_casefold_bytes(b"A\xff\xc3(\xed\xa0\x80") == "a\ufffd\ufffd(\ufffd\ufffd\ufffd".encode()


def test_turkish() -> None:
    assert nfkc_casefold("Iİi I\u0307", turkish=True) == "ıii i"
