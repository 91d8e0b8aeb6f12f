"""The tags of an HTML page and the text between them, in linear time.

It is our own rather than the standard library's parser for two reasons. That parser takes quadratic time on crafted
input (a megabyte of `<!--` keeps it busy for minutes) in many Python releases; and its output changes between them,
while stored texts and content hashes must not.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

__all__ = ["Token", "attributes_of", "tokens_of"]

_RAW_TEXT = frozenset(("script", "style", "textarea", "title", "xmp", "noembed", "noframes"))
_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
# The rest of a tag. A ">" inside a quoted attribute value does not end it. Possessive, so that nothing is tried twice.
_TAG_REST = re.compile(r"""(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+>""")
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"']++)))?+""")


class Token(NamedTuple):
    """`kind` is "text", "open" or "close"; `value` the text or the tag's name in lower case."""

    kind: str
    value: str
    attributes: str = ""


def tokens_of(page: str) -> Iterator[Token]:
    """Tags and the text between them; comments, doctypes and processing instructions are left out."""
    at, end = 0, len(page)
    while at < end:
        mark = page.find("<", at)
        if mark < 0:
            yield Token("text", unescape(page[at:]))
            return
        if mark > at:
            yield Token("text", unescape(page[at:mark]))
        if page.startswith("<!--", mark):
            close = page.find("-->", mark + 2)  # "<!-->" is a whole comment
            at = end if close < 0 else close + 3
        elif page.startswith(("<!", "<?"), mark):
            close = page.find(">", mark)
            at = end if close < 0 else close + 1
        elif name := _NAME.match(page, mark + 2 if page.startswith("</", mark) else mark + 1):
            rest = _TAG_REST.match(page, name.end())
            if rest is None:  # the file ends inside a tag, which then is none
                return
            at = rest.end()
            tag = name.group().lower()
            if page.startswith("</", mark):
                yield Token("close", tag)
                continue
            yield Token("open", tag, rest.group()[:-1])
            if tag in _RAW_TEXT:
                close_tag = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(page, at)
                stop = close_tag.start() if close_tag else end
                yield Token("text", unescape(page[at:stop]) if tag in ("title", "textarea") else page[at:stop])
                at = stop
        else:
            yield Token("text", "<")
            at = mark + 1


def attributes_of(source: str) -> dict[str, str]:
    """The attributes of a tag, from its source; names and values in lower case."""
    return {
        match[1].lower(): next((value.strip().lower() for value in match.groups()[1:] if value), "")
        for match in _ATTRIBUTE.finditer(source)
    }
