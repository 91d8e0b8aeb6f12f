"""HTML to title, text and headings, in linear time.

A small tokeniser (html_tokens.py) feeds a writer that keeps block breaks and leaves out what is not the page's own
text: scripts, styles, navigation, footers and other boilerplate, by element and by ARIA role. Where the page marks its
`<main>` part, only that is kept. Where headings stand is told beside the text, which is that of the page and holds no
marks. Malformed pages are read as browsers would roughly read them; nothing is an error.
"""

import re
from typing import NamedTuple

from spaniel.index.chunking.outline import Heading

from .html_tokens import attributes_of, tokens_of

__all__ = ["Page", "html_text"]


def _words(words: str) -> frozenset[str]:
    return frozenset(words.split())


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
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_SPACES = re.compile(r"[ \t\r\n\f]+")


class Page(NamedTuple):
    """What a page holds; `headings` say where in `text` its h1 to h6 stand, ascending."""

    title: str
    text: str
    headings: tuple[Heading, ...] = ()


def html_text(page: str) -> Page:
    """Title, text and headings of a page.

    The title is the `<title>`, else the first `<h1>`. In the text paragraphs are set apart by blank lines, list items
    and rows by line ends; other white space is one blank, except inside `<pre>`.

    Cost: linear in the page.

    Example:
        >>> page = html_text("<title>Dogs</title><nav>Home</nav><h2>Spaniels</h2><p>They<br>are<p>kind&nbsp;dogs.")
        >>> page.title, page.text
        ('Dogs', 'Spaniels\\n\\nThey\\nare\\n\\nkind\\xa0dogs.')
        >>> page.headings
        (Heading(start=0, end=8, level=2),)
    """
    writer = _read(page, _DROPPED)
    text, headings = writer.main.stripped()
    if not text:
        text, headings = writer.all.stripped()
    if not text:
        # All of it stood inside what should be boilerplate, or behind a boilerplate tag that was never closed.
        text, headings = _read(page, _ALWAYS_DROPPED, roles=False).all.stripped()
    return Page(writer.title, text, headings)


def _read(page: str, dropped: frozenset[str], *, roles: bool = True) -> "_Writer":
    writer = _Writer(dropped, roles=roles)
    for token in tokens_of(page):
        if token.kind == "text":
            writer.write(token.value)
        elif token.kind == "open":
            writer.open(token.value, token.attributes)
        else:
            writer.close(token.value)
    return writer


class _Text:
    """A text that grows, with the white space that goes before its next word, and its headings."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._pending = ""
        self._n_chars = 0
        self._level = 0  # of the heading that is being written
        self._headings: list[Heading] = []

    def space(self, space: str) -> None:
        """White space before the next word; of several the strongest stays."""
        self._pending = _stronger(self._pending, space)

    def add(self, body: str, trailing: str) -> None:
        before = self._pending if self._pieces else ""
        start = self._n_chars + len(before)
        self._pieces += [before, body]
        self._n_chars = start + len(body)
        self._pending = trailing
        if self._level > 0:
            self._headings.append(Heading(start, self._n_chars, self._level))
            self._level = -self._level  # it is there, and grows
        elif self._level < 0:
            self._headings[-1] = self._headings[-1]._replace(end=self._n_chars)

    def head(self, level: int) -> None:
        """A heading of this level begins; 0: it is over."""
        self._level = level

    def stripped(self) -> tuple[str, tuple[Heading, ...]]:
        """The text without white space at its ends, and its headings that are more than white space."""
        text = "".join(self._pieces)
        cut = len(text) - len(text.lstrip())
        text = text.strip()
        moved = (Heading(max(start - cut, 0), min(end - cut, len(text)), level) for start, end, level in self._headings)
        return text, tuple(heading for heading in moved if text[heading.start : heading.end].strip())


class _Writer:
    """Puts the text together; one pass, no tree.

    While something is dropped, `_inside` counts the elements open in it, so that an end tag that nothing inside has
    opened tells that the dropped element ended with its parent, even where its own end tag is missing.
    """

    def __init__(self, dropped: frozenset[str], *, roles: bool) -> None:
        self._dropped, self._roles = dropped, roles
        self.all, self.main = _Text(), _Text()
        self._dropping = ""
        self._inside: dict[str, int] = {}
        self._main_tag = ""  # what `_in_main` counts
        self._in_main = self._in_article = self._in_pre = self._in_svg = 0
        self._title: list[str] = []
        self._heading: list[str] = []
        self._in_title = self._in_heading = False

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
        if self._in_main:
            self._in_main += tag == self._main_tag
        elif tag == "main" or (self._roles and attributes_of(attributes).get("role") == "main"):
            self._in_main, self._main_tag = 1, tag
        if tag == "article":
            self._in_article += 1
        elif tag == "pre":
            self._in_pre += 1
        elif tag == "title":
            self._in_title = not self._title
        elif tag in _HEADINGS:
            self._in_heading = tag == "h1" and not self._heading
            if not self._in_pre:  # there it would begin no line
                self._head(_HEADINGS[tag])

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
        if self._in_main and tag == self._main_tag:
            self._in_main -= 1
        if tag == "article":
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
        self._space(leading)
        if not body:
            return
        self.all.add(body, trailing)
        if self._in_main:
            self.main.add(body, trailing)

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPH_BREAK:
            space = "\n\n"
            self._head(0)
        elif tag in _LINE_BREAK:
            space = "\n"
        else:
            space = " " if tag in ("td", "th") else ""
        self._space(space)

    def _space(self, space: str) -> None:
        self.all.space(space)
        self.main.space(space)

    def _head(self, level: int) -> None:
        self.all.head(level)
        self.main.head(level)

    def _is_dropped(self, tag: str, attributes: str) -> bool:
        if tag in self._dropped:
            return True
        if not self._roles:
            return False
        if tag == "header" and not self._in_main and not self._in_article:
            return True
        given = attributes_of(attributes) if attributes else {}
        return "hidden" in given or given.get("aria-hidden") == "true" or given.get("role") in _DROPPED_ROLES


def _stronger(a: str, b: str) -> str:
    """The longer of two stretches of white space; a line end beats a blank."""
    return max(a, b, key=lambda space: (space.count("\n"), len(space)))
