"""The title of a Markdown text: from its front matter, or its first heading.

The text itself is left as it is. Only what a title needs is read: `title:` of a YAML or TOML front matter written on
one line, an ATX heading (`# Title`), or a line underlined with `===` or `---` (CommonMark 0.31, sec. 4.2 and 4.3).
"""

import re

__all__ = ["markdown_title"]

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}#{1,6}(?:[ \t]+(.*))?$")
_CLOSING = re.compile(r"(?:^|[ \t]+)#+[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*$")
_NOT_PARAGRAPH = re.compile(r" {4}|\t| {0,3}(?:[-*+>|<]|\d{1,9}[.)] )")
_FRONT_TITLE = re.compile(r"""title[ \t]*[:=][ \t]*(.+)$""", re.IGNORECASE)
_LINES = 500  # a title stands at the top


def markdown_title(text: str) -> str:
    """The title, on one line; empty when there is none within the first 500 lines.

    Example:
        >>> markdown_title("Some words.\\n\\n## The *first* heading ##\\n")
        'The first heading'
    """
    lines = [line.rstrip("\r") for line in text.split("\n", _LINES)[:_LINES]]
    title, begin = _front_matter(lines)
    return title or _first_heading(lines[begin:])


def _front_matter(lines: list[str]) -> tuple[str, int]:
    """(title or nothing, number of the line after the front matter)."""
    fence = lines[0].rstrip() if lines else ""
    if fence not in ("---", "+++"):
        return "", 0
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() in (fence, "...")), 0)
    for line in lines[1:end]:
        if match := _FRONT_TITLE.match(line):
            value = match[1].strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            return (value[1:-1] if quoted else value).strip(), end + 1
    return "", end + 1 if end else 0


def _first_heading(lines: list[str]) -> str:
    fence = ""
    before = ""
    for line in lines:
        if fence:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        if match := _FENCE.match(line):
            fence, before = match[1], ""
        elif match := _ATX.match(line):
            title = _plain(_CLOSING.sub("", match[1] or ""))
            if title:
                return title
            before = ""
        elif before and _UNDERLINE.match(line):
            return _plain(before)
        else:
            before = "" if not line.strip() or _NOT_PARAGRAPH.match(line) else line
    return ""


def _plain(heading: str) -> str:
    """A heading without the marks of emphasis, code and links."""
    heading = re.sub(r"!?\[([^\[\]]*)\]\([^()\s]*\)", r"\1", heading)
    heading = re.sub(r"(?<![\w*])(\*{1,3}|_{1,3})(?=\S)([^*_]+)(?<=\S)\1(?!\w)", r"\2", heading)
    return " ".join(heading.replace("`", "").split())
