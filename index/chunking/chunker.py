"""Documents into chunks: spans of the text that tile it, cut where its structure says.

    text -> blocks (blocks.py) -> units: blocks, and the sentences or lines of those that are too long
         -> chunks: units one after the other up to the target; a heading begins a chunk once it is a quarter full,
            and never stands at the end of one
         -> the last sentences of a chunk repeated in the next, where that is asked for

A chunk's title is that of the document and the headings above it, "Keys > Rotation", so that what it is about can be
found; the first chunk's is the document's alone. Together the chunks hold every character of the text, and each is
`text[start:end]` to the letter, white space included.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from .blocks import Block, blocks_of
from .outline import Heading
from .sentences import sentence_spans
from .settings import ChunkSettings

__all__ = ["Chunk", "chunks_of"]

_BETWEEN = " > "
_SITE = re.compile(r"\Z|\s*[-–—|·•»:/]\s")


class Chunk(NamedTuple):
    """A span of the text, and the headings above it, outermost first."""

    start: int
    end: int
    headings: tuple[str, ...] = ()

    def title(self, document_title: str) -> str:
        """Title of the document and the headings, those that only repeat it left out."""
        names = [name for name in self.headings if not _repeats(document_title, name)]
        return _BETWEEN.join([document_title, *names] if document_title else names)


def _repeats(title: str, heading: str) -> bool:
    """Whether the title is the heading, or begins with it, as those of pages do: "Keys - The Manual"."""
    title, heading = title.lower(), heading.lower()
    return title.startswith(heading) and _SITE.match(title, len(heading)) is not None


class _Unit(NamedTuple):
    start: int
    end: int
    tokens: int
    level: int = 0
    name: str = ""
    verbatim: bool = False


def chunks_of(
    text: str,
    settings: ChunkSettings,
    count: Callable[[str], int],
    *,
    kind: str = "text",
    headings: Sequence[Heading] = (),
) -> list[Chunk]:
    """The chunks of a text, in order; one, possibly empty, at least.

    Args:
        count: text to tokens, as `settings.counter` names it.
        kind: "text", "markdown", "html" or "code".
        headings: of a page of HTML, ascending; other kinds show theirs in the text.

    Returns:
        ascending spans: the first starts at 0, the last ends with the text, each starts at or before the end of the one
        before it and ends after it.

    Cost: linear; with estimated tokens some 27 MB/s of prose, with the tokenizer of minilm 1.3 MB/s.
    """
    units = list(_units(text, blocks_of(text, kind, headings), settings, count))
    chunks: list[Chunk] = []
    above: list[tuple[int, str]] = []
    for some in _packed(_with_headings(units, settings.limit), settings):
        first, start = some[0], some[0].start
        path = tuple(name for level, name in above if first.level >= 0 and not 0 < first.level <= level)
        if chunks and settings.overlap_sentences and first.level == 0 and not first.verbatim:
            start = _with_overlap(text, chunks[-1], start, settings, count)
        chunks.append(Chunk(start, some[-1].end, path))
        for unit in some:
            _enter(above, unit)
    return chunks or [Chunk(0, len(text))]


def _enter(headings: list[tuple[int, str]], unit: _Unit) -> None:
    """Note a heading; those of its level and below end."""
    if unit.level == 0:
        return
    while headings and headings[-1][0] >= unit.level:
        headings.pop()
    if unit.level > 0 and unit.name:
        headings.append((unit.level, unit.name))


def _with_headings(units: Sequence[_Unit], limit: int) -> list[list[_Unit]]:
    """Groups that should stay together: headings, and what follows them, as far as that is within the limit."""
    groups: list[list[_Unit]] = []
    held = 0
    for unit in units:
        if groups and _is_heading(groups[-1][-1]) and held + unit.tokens <= limit:
            groups[-1].append(unit)
            held += unit.tokens
        else:
            groups.append([unit])
            held = unit.tokens
    return groups


def _is_heading(unit: _Unit) -> bool:
    """It stands above something, and says little by itself."""
    return unit.level > 0 and not unit.verbatim


def _packed(groups: Sequence[list[_Unit]], settings: ChunkSettings) -> list[list[_Unit]]:
    """The groups, joined to chunks."""
    chunks: list[list[_Unit]] = []
    held = before = 0
    least = settings.target_tokens // 4
    for group in groups:
        tokens = sum(unit.tokens for unit in group)
        if chunks and held + tokens <= settings.target_tokens and (group[0].level == 0 or held < least):
            chunks[-1].extend(group)
            held += tokens
        else:
            chunks.append(list(group))
            before, held = held, tokens
    # A last chunk of a few words is joined to the one before it, unless a heading stands between them.
    if len(chunks) > 1 and held < least and before + held <= settings.limit and chunks[-1][0].level == 0:
        chunks[-2].extend(chunks.pop())
    return chunks


def _units(text: str, blocks: Sequence[Block], settings: ChunkSettings, count: Callable[[str], int]) -> Iterator[_Unit]:
    for block in blocks:
        tokens = count(text[block.start : block.end])
        if tokens <= settings.limit:
            yield _Unit(block.start, block.end, tokens, block.level, block.name, block.verbatim)
            continue
        level, name = block.level, block.name
        for start, end in _pieces(text, block, settings.limit, count):
            yield _Unit(start, end, count(text[start:end]), level, name, block.verbatim)
            level, name = 0, ""


def _pieces(text: str, block: Block, limit: int, count: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    """A block that is too long as its sentences or lines, tiling it; those that are too long in halves."""
    if block.verbatim:
        ends, end = [], block.start
        for line in text[block.start : block.end].splitlines(keepends=True):
            end += len(line)
            ends.append(end)
    else:
        # White space belongs to the sentence before it.
        starts = [block.start + start for start, _ in sentence_spans(text[block.start : block.end])]
        ends = [*starts[1:], block.end]
    start = block.start
    for end in ends:
        yield from _halves(text, start, end, limit, count)
        start = end


def _halves(text: str, start: int, end: int, limit: int, count: Callable[[str], int]) -> Iterator[tuple[int, int]]:
    pending = [(start, end)]
    while pending:
        start, end = pending.pop()
        if end - start <= 1 or count(text[start:end]) <= limit:
            yield start, end
            continue
        middle = (start + end) // 2
        space = text.rfind(" ", start + (end - start) // 4, middle)
        cut = space + 1 if space >= 0 else middle
        pending += [(cut, end), (start, cut)]


def _with_overlap(text: str, before: Chunk, start: int, settings: ChunkSettings, count: Callable[[str], int]) -> int:
    """Where a chunk begins that repeats the last sentences before `start`, all of them of the chunk before."""
    room = settings.target_tokens // 4
    stretch = max(before.start, start - 16 * room)
    # The first sentence may have been cut by the stretch, and no chunk begins where another does.
    begins = [stretch + begin for begin, _ in sentence_spans(text[stretch:start])[1:]]
    wanted = begins[-settings.overlap_sentences :]
    return next((begin for begin in wanted if count(text[begin:start]) <= room), start)
