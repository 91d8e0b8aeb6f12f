"""HTML to title and text, in linear time.

A small tokeniser (tags, comments, raw text, character references) feeds a writer that keeps block breaks and leaves
out what is not the page's own text: scripts, styles, navigation, footers and other boilerplate, by element and by
ARIA role. Where the page marks its `<main>` part, only that is kept. Malformed pages are read as browsers would
roughly read them; nothing is an error.

It is our own rather than the standard library's parser for two reasons. That parser takes quadratic time on crafted
input (a megabyte of `<!--` keeps it busy for minutes) in many Python releases; and its output changes between them,
while stored texts and content hashes must not.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

__all__ = ["html_text"]


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


_RAW_TEXT = _words("script style textarea title xmp noembed noframes")
_VOID = _words("area base br col embed hr img input link meta param source track wbr")
_ALWAYS_DROPPED = _words("script style template svg iframe object textarea noembed noframes datalist")
_DROPPED = _ALWAYS_DROPPED | _words("noscript nav footer aside button select dialog xmp audio video canvas")
_DROPPED_ROLES = _words("navigation banner contentinfo search complementary menu dialog")
_LINE_BREAK = _words("br li tr dt dd div option summary figcaption caption legend label address hr title")
_PARAGRAPH_BREAK = _words(
    "p h1 h2 h3 h4 h5 h6 pre blockquote ul ol dl table section article main header footer nav aside form "
    "fieldset figure details body head"
)
_OPTIONAL_END = _words("p li dt dd tr td th thead tbody tfoot option optgroup colgroup rt rp")
_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
# The rest of a tag. A ">" inside a quoted attribute value does not end it. Possessive, so that nothing is tried twice.
_TAG_REST = re.compile(r"""(?:[^>=]++|=\s*+(?:"[^"]*+"|'[^']*+')?+)*+>""")
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s>"']++)))?+""")
_SPACES = re.compile(r"[ \t\r\n\f]+")


class _Token(NamedTuple):
    """`kind` is "text", "open" or "close"; `value` the text or the tag's name in lower case."""

    kind: str
    value: str
    attributes: str = ""


def html_text(page: str) -> tuple[str, str]:
    """(title, text) of a page.

    The title is the `<title>`, else the first `<h1>`. In the text paragraphs are set apart by blank lines, list items
    and rows by line ends; other white space is one blank, except inside `<pre>`.

    Cost: linear in the page.

    Example:
        >>> html_text("<title>Dogs</title><nav>Home</nav><p>A <b>spaniel</b> is<br>a dog.<p>It's&nbsp;kind.")
        ('Dogs', "A spaniel is\\na dog.\\n\\nIt's\\xa0kind.")
    """
    writer = _read(page, _DROPPED)
    text = writer.main_text or writer.text
    if not text:
        # All of it stood inside what should be boilerplate, or behind a boilerplate tag that was never closed.
        text = _read(page, _ALWAYS_DROPPED, roles=False).text
    return writer.title, text


def _read(page: str, dropped: frozenset[str], *, roles: bool = True) -> "_Writer":
    writer = _Writer(dropped, roles=roles)
    for token in _tokens(page):
        if token.kind == "text":
            writer.write(token.value)
        elif token.kind == "open":
            writer.open(token.value, token.attributes)
        else:
            writer.close(token.value)
    return writer


def _tokens(page: str) -> Iterator[_Token]:
    """Tags and the text between them; comments, doctypes and processing instructions are left out."""
    at, end = 0, len(page)
    while at < end:
        mark = page.find("<", at)
        if mark < 0:
            yield _Token("text", unescape(page[at:]))
            return
        if mark > at:
            yield _Token("text", unescape(page[at:mark]))
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
                yield _Token("close", tag)
                continue
            yield _Token("open", tag, rest.group()[:-1])
            if tag in _RAW_TEXT:
                close_tag = re.compile(rf"</{tag}(?=[\s/>])", re.IGNORECASE).search(page, at)
                stop = close_tag.start() if close_tag else end
                yield _Token("text", unescape(page[at:stop]) if tag in ("title", "textarea") else page[at:stop])
                at = stop
        else:
            yield _Token("text", "<")
            at = mark + 1


class _Writer:
    """Puts the text together; one pass, no tree.

    While something is dropped, `_inside` counts the elements open in it, so that an end tag that nothing inside has
    opened tells that the dropped element ended with its parent, even where its own end tag is missing.
    """

    def __init__(self, dropped: frozenset[str], *, roles: bool) -> None:
        self._dropped, self._roles = dropped, roles
        self._out: list[str] = []
        self._main: list[str] = []
        self._pending = ""  # white space that goes before the next word
        self._pending_main = ""
        self._dropping = ""
        self._inside: dict[str, int] = {}
        self._in_main = self._in_article = self._in_pre = self._in_svg = 0
        self._title: list[str] = []
        self._heading: list[str] = []
        self._in_title = self._in_heading = False

    @property
    def text(self) -> str:
        return "".join(self._out).strip()

    @property
    def main_text(self) -> str:
        return "".join(self._main).strip()

    @property
    def title(self) -> str:
        named = " ".join("".join(self._title).split())
        return named or " ".join("".join(self._heading).split())

    def open(self, tag: str, attributes: str) -> None:
        if self._dropping:
            if tag not in _VOID and not attributes.endswith("/"):
                self._inside[tag] = self._inside.get(tag, 0) + 1
            return
        if tag not in _VOID and self._is_dropped(tag, attributes):
            self._dropping, self._inside = tag, {tag: 1}
            self._break(tag)
            return
        self._break(tag)
        if tag == "main" or (self._roles and _attributes(attributes).get("role") == "main"):
            self._in_main = max(self._in_main, 1)
        elif tag == "article":
            self._in_article += 1
        elif tag == "pre":
            self._in_pre += 1
        elif tag == "title":
            self._in_title = not self._title
        elif tag == "h1":
            self._in_heading = not self._heading

    def close(self, tag: str) -> None:
        if self._dropping:
            if self._inside.get(tag, 0) > 0:
                self._inside[tag] -= 1
                if tag == self._dropping and self._inside[tag] == 0:
                    self._dropping = ""
                    self._break(tag)
                return
            if tag in _OPTIONAL_END:
                return
            self._dropping = ""  # the end of an element around it
        self._break(tag)
        if tag == "main":
            self._in_main = 0
        elif tag == "article":
            self._in_article = max(self._in_article - 1, 0)
        elif tag == "pre":
            self._in_pre = max(self._in_pre - 1, 0)
        elif tag == "title":
            self._in_title = False
        elif tag == "h1":
            self._in_heading = False

    def write(self, text: str) -> None:
        if self._dropping:
            return
        if self._in_title:
            self._title.append(text)
            return
        if self._in_heading:
            self._heading.append(text)
        if not self._in_pre:
            text = _SPACES.sub(" ", text)
        self._append(text)

    def _append(self, text: str) -> None:
        if self._in_pre:
            body, leading, trailing = text, "", ""
        else:
            body = text.strip(" ")
            leading, trailing = (" " if text.startswith(" ") else ""), (" " if text.endswith(" ") else "")
        self._pending = _stronger(self._pending, leading)
        self._pending_main = _stronger(self._pending_main, leading)
        if not body:
            return
        self._out += [self._pending if self._out else "", body]
        self._pending = trailing
        if self._in_main:
            self._main += [self._pending_main if self._main else "", body]
            self._pending_main = trailing

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPH_BREAK:
            space = "\n\n"
        elif tag in _LINE_BREAK:
            space = "\n"
        else:
            space = " " if tag in ("td", "th") else ""
        self._pending = _stronger(self._pending, space)
        self._pending_main = _stronger(self._pending_main, space)

    def _is_dropped(self, tag: str, attributes: str) -> bool:
        if tag in self._dropped:
            return True
        if not self._roles:
            return False
        if tag == "header" and not self._in_main and not self._in_article:
            return True
        given = _attributes(attributes) if attributes else {}
        return "hidden" in given or given.get("aria-hidden") == "true" or given.get("role") in _DROPPED_ROLES


def _attributes(source: str) -> dict[str, str]:
    return {
        match[1].lower(): next((value.strip().lower() for value in match.groups()[1:] if value), "")
        for match in _ATTRIBUTE.finditer(source)
    }


def _stronger(a: str, b: str) -> str:
    """The longer of two stretches of white space; a line end beats a blank."""
    return max(a, b, key=lambda space: (space.count("\n"), len(space)))
