"""What stands in a text besides sentences: headings, code, rows of tables, and lines that only lead in to something.

They are told apart by Markdown's marks and the underlined headings of plain text, so that an answer is made of
sentences where there are any, a row comes with the head of its table, a small table whole, and "Install it with:" with
what follows.
Nothing of the text is changed: every part is a span of it, and only what is shown of it loses its marks.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, get_args

from spaniel.index.chunking.blocks import Block, blocks_of
from spaniel.index.chunking.sentences import sentence_spans

__all__ = ["FORMS", "Form", "Part", "parts_of", "plain", "row_text", "table_text"]

Form = Literal["prose", "led", "table", "row", "lead", "code", "heading"]
FORMS: tuple[Form, ...] = get_args(Form)

_MAX_WHOLE_CHARS = 600
"""Of what is said as one: a table, or a line that leads in with the code or list that it leads to."""

_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})[ \t]*(?P<info>[^\n]*)(?:\n|\Z)", re.MULTILINE)
_UNDERLINED = re.compile(r"[^\n]*\n[ \t]*([*+\"#=~^-])\1{2,}[ \t]*\s*\Z")
_SEPARATOR = re.compile(r"[ \t]*\|?[ \t:|-]*-[ \t:|-]*\Z")
_CELLS = re.compile(r"(?<!\\)\|")
_ITEM = re.compile(r"[ \t]*(?:(?:[-*+•>]|\d{1,3}[.)])[ \t]+)+")
_PROMPTS = re.compile(r"[ \t]*(?:>>>|\.\.\.|\$[ \t])")
# Lines of programs and settings, where no fence says so: a passage may begin and end inside of them.
_CODE_LINE = re.compile(
    r"\s*(?:[\w.\[\]\"']{1,60} = \S|(?:from [\w.]+ )?import \w|return\b"
    r"|(?:async )?(?:def|class|for|if|with|while) .*:\s*\Z"
    r"|(?:[\w.]{1,60} = )?[\w.]{1,60}\(.*\)\s*(?:#.*)?\Z|#[^#\n]*\Z|\[[\w.]+\]\s*\Z|[)\]}]+[,;]?\s*\Z|.*[{;]\s*\Z)"
)
_CODE_SHARE = 0.6
_LINK = re.compile(r"!?\[([^\[\]\n]{1,300})\]\([^()\s]{1,500}\)")
_STRONG = re.compile(r"(?<!\w)(\*\*|__)(?=\S)([^*_\n]{1,300}?)(?<=\S)\1(?!\w)")
_SPACE = re.compile(r"\s*\n\s*")


class Part(NamedTuple):
    """A stretch of the text that may be said.

    Attributes:
        start, end: in characters.
        form: what it is.
        head: (start, end) of the head of its table, for a row of a table that has one.
    """

    start: int
    end: int
    form: Form = "prose"
    head: tuple[int, int] | None = None


def parts_of(text: str) -> Iterator[Part]:
    """The parts of a text, ascending; they leave out fences, marks of items, and lines of dashes.

    Cost: linear, about twice that of finding sentences.
    """
    begin = _end_of_code(text)
    if begin:
        yield from _code(text, 0, begin)
    blocks = [Block(b.start + begin, b.end + begin, *b[2:]) for b in blocks_of(text[begin:])]
    place = 0
    while place < len(blocks):
        parts = list(_in_block(text, blocks[place]))
        place += 1
        if parts and parts[-1].form == "prose" and text[parts[-1].start : parts[-1].end].endswith(":"):
            led = _led_to(text, blocks, place, parts[-1].start)
            end = _stripped(text, blocks[led - 1].start, blocks[led - 1].end)[1] if led > place else parts[-1].end
            parts[-1] = Part(parts[-1].start, end, "led" if led > place else "lead")
            place = led
        yield from parts


def plain(text: str) -> str:
    """Words of a text as they are shown: a line's end inside is a space, links and bold type lose their marks.

    Example:
        >>> plain("See **the\\n  list** of [all](all.md).")
        'See the list of all.'
    """
    return _STRONG.sub(r"\2", _LINK.sub(r"\1", _SPACE.sub(" ", text)))


def row_text(row: str, head: str = "") -> str:
    """A row of a table in words, each cell behind the name of its column.

    Example:
        >>> row_text("| 1 | abstains |", "| code | meaning |"), row_text("| 1 | abstains |")
        ('code: 1; meaning: abstains', '1; abstains')
    """
    cells, names = _cells(row), _cells(head)
    if len(names) != len(cells):
        names = [""] * len(cells)
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=True) if cell)


def table_text(table: str) -> str:
    """All rows of a table in words, one a line; its first line names the columns.

    Example:
        >>> table_text("| code | meaning |\\n|---|---|\\n| 0 | done |\\n| 1 | not |")
        'code: 0; meaning: done\\ncode: 1; meaning: not'
    """
    head, *rows = table.splitlines()
    said = (row_text(row, head) for row in rows if not _SEPARATOR.match(row.rstrip()))
    return "\n".join(filter(None, said))


def _cells(row: str) -> list[str]:
    return [plain(cell).strip() for cell in _CELLS.split(row.strip().removeprefix("|").removesuffix("|"))]


def _end_of_code(text: str) -> int:
    """Where code ends that began before the text, behind its fence; 0 where none did.

    The first fence of an odd number closes something if it names no language.
    """
    fences = list(_FENCE.finditer(text))
    return fences[0].end() if len(fences) % 2 and not fences[0]["info"].strip() else 0


def _led_to(text: str, blocks: Sequence[Block], place: int, start: int) -> int:
    """The place behind the blocks that a line leads to: code in its fence, or a whole list; `place` where none is."""
    end = place
    while end < len(blocks) and blocks[end].end - start <= _MAX_WHOLE_CHARS:
        is_item = _ITEM.match(text, blocks[end].start) is not None
        if not is_item:
            return end + (end == place and _is_fenced(text[blocks[end].start : blocks[end].end]))
        end += 1
    # A list of which a part would be left behind is none of it.
    return place if end < len(blocks) and end > place and _ITEM.match(text, blocks[end].start) else end


def _in_block(text: str, block: Block) -> Iterator[Part]:
    start, end = _stripped(text, block.start, block.end)
    if start == end:
        return
    if block.verbatim:
        yield from (_rows if text[start] == "|" else _code)(text, start, end)
    elif block.level > 0 or _UNDERLINED.fullmatch(text, start, end):
        yield Part(start, end, "heading")
    elif _is_code(text[start:end].splitlines()):
        yield Part(start, end, "code")
    else:
        for first, last in sentence_spans(text[start:end]):
            item = _ITEM.match(text, start + first, start + last)
            yield Part(item.end() if item else start + first, start + last)


def _rows(text: str, start: int, end: int) -> Iterator[Part]:
    lines = [(m.start(), m.end()) for m in re.compile(r"[^\n]*\S").finditer(text, start, end)]
    head = lines[0] if len(lines) > 1 and _SEPARATOR.match(text[slice(*lines[1])]) else None
    if head and len(lines) == 2:
        yield Part(*head, "heading")
    elif head and end - start <= _MAX_WHOLE_CHARS:
        yield Part(start, end, "table")
    else:
        for line in lines[2 if head else 0 :]:
            if not _SEPARATOR.match(text[slice(*line)]):
                yield Part(*_stripped(text, *line), "row", head)


def _is_fenced(block: str) -> bool:
    """Whether it is code between two fences."""
    return len(_FENCE.findall(block)) == 2


def _is_code(lines: Sequence[str]) -> bool:
    alike = sum(_CODE_LINE.match(line) is not None for line in lines)
    return _PROMPTS.match(lines[0]) is not None or (len(lines) > 1 and alike >= _CODE_SHARE * len(lines))


def _code(text: str, start: int, end: int) -> Iterator[Part]:
    """What stands between the fences."""
    opening = _FENCE.match(text, start, end)
    inside = opening.end() if opening else start
    closing = next(_FENCE.finditer(text, inside, end), None)
    first, last = _stripped(text, inside, closing.start() if closing else end)
    if first < last:
        yield Part(first, last, "code")


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    inner = text[start:end]
    kept = inner.strip()
    if not kept:
        return start, start
    first = start + len(inner) - len(inner.lstrip())
    return first, first + len(kept)
