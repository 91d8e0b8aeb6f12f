"""Chunks: what holds for any text, and where cuts fall in texts with a structure."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spaniel.index.chunking.blocks import blocks_of
from spaniel.index.chunking.chunker import Chunk, chunks_of
from spaniel.index.chunking.settings import ChunkSettings, chunk_settings
from spaniel.index.input.html import html_text
from spaniel.models.counting import estimated
from spaniel.retrieval.errors import InvalidInput

KINDS = ("text", "markdown", "html", "code")
LINES = ["# Title\n", "## Part\n", "Under\n=====\n", "- item\n", "```\n", "| a | b |\n", "\n", "\n\n", "\r\n"]
CODE_LINES = ["def f(x):\n", "    return x\n", "class A:\n", "@decorated\n", "// note\n", "}\n"]
WORDS = ["A sentence here. ", "Another one! ", "word " * 30, "x" * 90, "漢字。", " ", "\t", "\f", "é"]
PIECES = st.sampled_from([*LINES, *CODE_LINES, *WORDS])
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=50)


def words(text: str) -> int:
    """A counter unlike the estimate."""
    return len(text.split())


@given(TEXTS, st.sampled_from(KINDS), st.integers(8, 40), st.integers(0, 3), st.sampled_from([estimated, len]))
def test_chunks_tile_the_text(text, kind, target, overlap, count):  # type: ignore[no-untyped-def]
    settings = ChunkSettings(target, overlap_sentences=overlap)
    chunks = chunks_of(text, settings, count, kind=kind)
    assert chunks[0].start == 0 and chunks[-1].end == len(text) and chunks[0].headings == ()
    assert all(a.start < b.start <= a.end < b.end for a, b in pairwise(chunks))
    assert overlap or all(a.end == b.start for a, b in pairwise(chunks))
    largest = settings.limit + (target // 4 if overlap else 0)
    assert all(count(text[c.start : c.end]) <= largest or c.end - c.start <= 1 for c in chunks)


@given(TEXTS, st.sampled_from(KINDS))
def test_blocks_tile_the_text(text: str, kind: str) -> None:
    blocks = blocks_of(text, kind)
    assert "".join(text[block.start : block.end] for block in blocks) == text
    assert all(a.end == b.start and b.start < b.end for a, b in pairwise(blocks))


MARKDOWN = """# Keys

How keys are kept. They are secret.

## Rotation

Keys are rotated every month. Nobody needs to be told.

### By hand

Run the command twice. Wait between the runs.

## Loss

A lost key is revoked.
"""


def cut(text: str, target: int, kind: str = "markdown", **settings: int) -> list[tuple[str, str]]:
    """(title, text) of each chunk of a document called Keys, by words."""
    chunks = chunks_of(text, ChunkSettings(target, **settings), words, kind=kind)
    return [(chunk.title("Keys"), text[chunk.start : chunk.end].strip()) for chunk in chunks]


PAGE = """<title>Keys - The Manual</title><h1>Keys</h1><p>How keys are kept. They are secret.</p>
<h2>Rotation<a href="#rotation">¶</a></h2><p>Keys are rotated every month. Nobody is told.</p>
<pre>```
# rotate all of them now, and then wait
rotate --all</pre>
<h3>By hand</h3><p>Run the command twice. Wait between the runs.
<h2>Loss</h2><p>A lost key is revoked at once, and nobody knows it."""


def test_headings_begin_chunks_and_stand_in_their_titles() -> None:
    assert [(title, text.splitlines()[0]) for title, text in cut(MARKDOWN, 12)] == [
        ("Keys", "# Keys"),
        ("Keys", "## Rotation"),
        ("Keys > Rotation", "### By hand"),
        ("Keys", "## Loss"),
    ]


def test_headings_of_a_page_begin_chunks_and_stand_in_their_titles() -> None:
    """Told beside the text, in which `#` and three backquotes mark nothing."""
    page = html_text(PAGE)
    settings = ChunkSettings(8, max_tokens=12)
    chunks = chunks_of(page.text, settings, words, kind="html", headings=page.headings)
    assert [
        (chunk.title("Keys - The Manual"), page.text[chunk.start : chunk.end].split("\n")[0]) for chunk in chunks
    ] == [
        ("Keys - The Manual", "Keys"),
        ("Keys - The Manual", "Rotation¶"),
        ("Keys - The Manual > Rotation", "```"),
        ("Keys - The Manual > Rotation", "By hand"),
        ("Keys - The Manual", "Loss"),
    ]


def test_stars_underline_a_heading_and_a_grid_is_one_table() -> None:
    text = "Order\n*****\n\nA table follows.\n***\n\n+---+---+\n| a | b |\n|===|===|\n| c | d |\n+---+---+\n\nThe end."
    blocks = blocks_of(text)
    assert [(text[b.start : b.end].strip(), b.level, b.name, b.verbatim) for b in blocks] == [
        ("Order\n*****", 1, "Order", False),
        ("A table follows.\n***", 0, "", False),
        ("+---+---+\n| a | b |\n|===|===|\n| c | d |\n+---+---+", 0, "", True),
        ("The end.", 0, "", False),
    ]


def test_small_sections_share_a_chunk() -> None:
    assert [len(cut(MARKDOWN, target)) for target in (12, 160)] == [4, 1]


def test_a_heading_stays_with_what_it_is_above() -> None:
    for target in range(8, 40):
        assert not any(text.splitlines()[-1].startswith("#") for _, text in cut(MARKDOWN, target))


def test_long_paragraphs_are_cut_at_sentences_and_sentences_at_words() -> None:
    text = "One two three four five. Six seven eight nine ten. Eleven twelve thirteen. " + "word " * 30
    found = [piece for _, piece in cut(text, 8, "text")]
    assert found[:2] == ["One two three four five.", "Six seven eight nine ten."]
    assert len(found) > 4 and all(len(piece.split()) <= 12 and set(piece.split()) == {"word"} for piece in found[3:])


def test_sentences_are_repeated_within_a_section_only() -> None:
    text = (
        "# A\n\n"
        + "One one one. Two two two. Three three three. Four four four. Five five. " * 2
        + "\n\n# B\n\nSix six."
    )
    found = [piece for _, piece in cut(text, 12, overlap_sentences=1)]
    assert found[0].endswith("Three three three.") and found[1].startswith("Three three three. Four")
    assert found[-1].startswith("# B")


CODE = '''"""Module."""

import os


@cache
def first(x):
    return x


class Keys:
    """All keys."""

    def rotate(self):
        for key in self.keys:

            key.turn()

    # about it
    def lose(self):
        pass


TABLE = 3
'''


def test_code_is_cut_at_definitions() -> None:
    chunks = chunks_of(CODE, ChunkSettings(8), words, kind="code")
    found = [(chunk.title("keys.py"), CODE[chunk.start : chunk.end].strip().splitlines()[0]) for chunk in chunks]
    assert ("keys.py", "@cache") in found
    assert ("keys.py", "class Keys:") in found
    assert ("keys.py > Keys", "# about it") in found
    assert found[-1][0] == "keys.py"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("pub(crate) async fn open<T>(path: T) -> File {", "open<T>"),
        ("export default class Keys extends Base {", "Keys extends Base"),
        ("func (s *Server) Run() error {", "Run"),
        ("static int rotate_key(struct key *k)", "rotate_key"),
        ("const rotate = async (key) => {", "rotate"),
        ("  public static class Inner {", "Inner"),
        ("if (x) {", None),
        ("return f(x)", None),
    ],
)
def test_definitions_of_many_languages(line: str, name: str | None) -> None:
    [block] = blocks_of(line, "code")
    assert (block.level > 0) == (name is not None)
    assert not name or block.name == name


@pytest.mark.parametrize(
    "piece", ["# a\n", "word ", "word.\n", "x", "\n", "def f(a", "a b(", "| x |\n", "```\n", "漢字。"]
)
@pytest.mark.parametrize("kind", ["text", "code"])
def test_repetition_takes_linear_time(piece: str, kind: str) -> None:
    text = piece * (100_000 // len(piece))
    assert chunks_of(text, ChunkSettings(256), estimated, kind=kind)[-1].end == len(text)


def test_what_callers_may_say() -> None:
    assert chunk_settings(None, whole_files=True) == ChunkSettings()
    assert chunk_settings(None, whole_files=False) is None and chunk_settings(False, whole_files=True) is None
    assert chunk_settings(64, whole_files=False) == ChunkSettings(64, records=True)
    assert chunk_settings(True, whole_files=False) == ChunkSettings(records=True)
    for wrong in (0, -1, 7, "256", 1.5):
        with pytest.raises(InvalidInput):
            chunk_settings(wrong, whole_files=True)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="max_tokens"):
        ChunkSettings(100, 99)
    assert ChunkSettings.from_json(ChunkSettings(100, 200, 1).to_json()) == ChunkSettings(100, 200, 1)


def test_a_title_repeats_nothing() -> None:
    assert Chunk(0, 1, ("Keys", "Loss")).title("Keys") == "Keys > Loss"
    assert Chunk(0, 1, ("Loss",)).title("") == "Loss"
    assert Chunk(0, 1, ("KEYS", "Loss")).title("Keys | The Manual") == "Keys | The Manual > Loss"
    assert Chunk(0, 1, ("Key", "Loss")).title("Keys and locks") == "Keys and locks > Key > Loss"
