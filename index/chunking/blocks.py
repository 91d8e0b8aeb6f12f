"""The structure of a text: headings, paragraphs, items of lists, fenced code; definitions and blocks of program code.

Blocks tile the text: white space belongs to the block before it, at the very begin to the first. Only what is needed
to find good places for cuts is read, line by line; nothing of the text is changed.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .outline import Heading

__all__ = ["CODE", "Block", "blocks_of"]

CODE = "code"
"""Kind of a text that is a program."""
HTML = "html"
"""Kind of a text that was a page, whose headings are given."""


class Block(NamedTuple):
    """A stretch of the text.

    Attributes:
        start, end: in characters.
        level: of the heading or definition that it begins with, 1 the highest; 0 for anything else; -1 for what ends
            all definitions before it.
        name: what the heading or definition says.
        verbatim: lines count (code, tables): it is cut at lines, not at sentences.
    """

    start: int
    end: int
    level: int = 0
    name: str = ""
    verbatim: bool = False


_NAME_CHARS = 120
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_UNDERLINE = re.compile(r" {0,3}(={3,}|-{3,}|~{3,}|\^{3,}|\*{3,})[ \t]*$")
_ITEM = re.compile(r"[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]")
_TABLE = re.compile(r"[ \t]*(?:\||\+[-=+]{3,})")  # rows, and the rules of grids around them
_MODIFIERS = (
    r"export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([^)]*\))?|unsafe|extern|inline"
    r"|virtual|override|sealed|partial|template\s*<[^<>]*>"
)
_DEFINITION = re.compile(
    rf"(?P<indent>[ \t]*+)(?:(?:{_MODIFIERS})\s+)*"
    r"(?:def|class|func(?:\s+\([^()]{0,80}\))?|function\*?|fn|struct|enum|interface|trait|impl|namespace|module|record|object|protocol)\s+"
    r"(?P<name>[^\s({:;<][^({:;]{0,100})"
)
_C_FUNCTION = re.compile(
    r"(?P<indent>)(?!(?:if|for|while|switch|return|else|do)\b)[A-Za-z_][\w:<>,*&\s]{0,100}?"
    r"(?P<name>\b[\w:~]{1,80}+)\s*\([^;]*$"
)
_ASSIGNED = re.compile(
    r"(?P<indent>)(?:export\s+)?(?:const|let|var)\s+(?P<name>\w+)\s*=\s*(?:async\s*)?(?:\(|function|\w+\s*=>)"
)
_ATTACHED = re.compile(r"[ \t]*(?:@|#\[|//|/\*|\*|#)")  # decorators and comments belong to what follows them
_MAX_LINE = 300  # beyond it a line is no heading


def blocks_of(text: str, kind: str = "text", headings: Sequence[Heading] = ()) -> list[Block]:
    """The blocks of a text, tiling it; none for the empty text.

    Args:
        kind: "markdown" or "text" (marks of Markdown are read in both), "html" (those of lists and tables; headings are
            those that are given), or "code".
        headings: of a page of HTML, ascending.

    Cost: linear.
    """
    if kind == CODE:
        blocks = list(_code_blocks(text))
    elif kind == HTML:
        blocks = list(_page_blocks(text, headings))
    else:
        blocks = list(_prose_blocks(text))
    if blocks and blocks[0].start:
        blocks[0] = blocks[0]._replace(start=0)
    return blocks or ([Block(0, len(text))] if text else [])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """(start, line without white space at its end) of every line."""
    start = 0
    for line in text.splitlines(keepends=True):
        yield start, line.rstrip()
        start += len(line)


def _page_blocks(text: str, headings: Sequence[Heading]) -> Iterator[Block]:
    """Those of a page, where a "#" begins a comment and three backquotes stand in an example."""
    given = {heading.start: heading for heading in headings}
    for block in _prose_blocks(text, marked=False):  # a heading stands between blank lines, and is a block
        heading = given.get(block.start)
        if heading is None:
            yield block
        else:
            yield block._replace(level=heading.level, name=_named(text[heading.start : heading.end]))


def _prose_blocks(text: str, *, marked: bool = True) -> Iterator[Block]:
    """marked: headings and fences by the marks of Markdown."""
    begin, level, name, verbatim, fence = 0, 0, "", False, ""
    blank, before, before_start = True, "", 0
    for start, line in _lines(text):
        short = line if len(line) <= _MAX_LINE else ""
        heading = _ATX.match(short) if marked and not fence else None
        opens = _FENCE.match(short) if marked else None
        if fence:
            if opens and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence, before = "", ""
                blank = True  # what follows is a block of its own
            continue
        if (
            heading
            or opens
            or (blank and line)
            or (line and _ITEM.match(short))
            or (_TABLE.match(short) and not _TABLE.match(before))
        ):
            if start > begin:
                yield Block(begin, start, level, name, verbatim)
            begin, level, name = start, 0, ""
            verbatim = bool(opens or _TABLE.match(short))
            if heading:
                level, name = len(heading[1]), _named(heading[2])
            fence = opens[1] if opens else ""
            blank = bool(heading)  # the text under a heading is a block of its own
        elif (
            marked
            and line
            and before
            and _underlines(short, before)
            and not level
            and before_start == begin
            and not _ITEM.match(before)
        ):
            level, name = (1 if line.lstrip()[0] in "=*" else 2), _named(before)
            blank = True
        elif not line:
            blank = True
        before, before_start = short, start
    if len(text) > begin:
        yield Block(begin, len(text), level, name, verbatim)


def _underlines(line: str, heading: str) -> bool:
    """Stars shorter than the line above them are a rule between paragraphs."""
    return _UNDERLINE.match(line) is not None and ("*" not in line or len(line) >= len(heading))


def _code_blocks(text: str) -> Iterator[Block]:
    begin, level, name = 0, 0, ""
    blank, attached = True, -1
    for start, line in _lines(text):
        short = line if len(line) <= _MAX_LINE else ""
        if not line:
            blank, attached = True, -1
            continue
        found = _DEFINITION.match(short) or _C_FUNCTION.match(short) or _ASSIGNED.match(short)
        indented = line[0].isspace()
        if found or blank:
            at = attached if found and attached >= 0 else start
            if at > begin:
                yield Block(begin, at, level, name, verbatim=True)
                begin, level, name = at, 0, ""
            if found:
                level = 1 + len(found["indent"].expandtabs(4)) // 2
                name = _named(found["name"])
            elif not indented and not _ATTACHED.match(short) and line[0] not in ")]}":
                level = -1
        blank = False
        if found:
            attached = -1
        elif attached < 0 and _ATTACHED.match(short):
            attached = start
        elif not _ATTACHED.match(short):
            attached = -1
    if len(text) > begin:
        yield Block(begin, len(text), level, name, verbatim=True)


def _named(text: str) -> str:
    """Without marks at its end, and the signs that pages hang links to a heading on."""
    return " ".join(text.strip().rstrip("#=¶§").lstrip("¶§").split())[:_NAME_CHARS].strip()
