"""Word documents (.docx) to title and text, by python-docx: paragraphs, headings, lists and tables, in their order.

Headings become `# Heading`, items `- item`, rows of tables `| a | b |`, so that the chunker sees the structure.
Tracked insertions and content controls are read, tracked deletions are not. Headers, footers, footnotes, comments and
text boxes are left out. A .docx is a zip archive; what its members unpack to is summed up from its directory before
anything is unpacked, and zipfile unpacks no more than it says there.
"""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

from spaniel.retrieval.errors import require

from .fields import MalformedRecordError

__all__ = ["docx_text"]

_MAX_MEMBERS = 10_000


def docx_text(data: bytes, *, max_unpacked_bytes: int, max_chars: int) -> tuple[str, str]:
    """(title, text) of a file; paragraphs are set apart by a blank line.

    Raises:
        MalformedRecordError: damaged, locked with a password, no Word document, or over a limit.
        MissingExtra: python-docx is not installed.

    Cost: some 25 us a paragraph.
    """
    docx = require("docx", extra="files")
    _check_archive(data, max_unpacked_bytes)
    try:
        document = docx.Document(BytesIO(data))
        blocks, chars = [], 0
        for block in _blocks(document):
            chars += len(block) + 2
            if chars > max_chars:
                raise MalformedRecordError(f"the document holds more than {max_chars:,} characters (max_record_bytes)")
            blocks.append(block)
        title = " ".join((document.core_properties.title or "").split())
    except MalformedRecordError:
        raise
    except Exception as error:  # noqa: BLE001  # crafted and damaged files raise whatever they like
        raise MalformedRecordError(f"the .docx is damaged ({type(error).__name__}: {error})") from None
    first = next((block.lstrip("# ") for block in blocks if block.startswith("# ")), "")
    return title or first, "\n\n".join(blocks)


def _check_archive(data: bytes, max_unpacked_bytes: int) -> None:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise MalformedRecordError(f"no .docx: damaged, or locked with a password ({error})") from None
    unpacked = sum(member.file_size for member in members)
    if len(members) > _MAX_MEMBERS or unpacked > max_unpacked_bytes:
        raise MalformedRecordError(
            f"the .docx has {len(members)} members and unpacks to {unpacked:,} bytes; "
            f"the limits are {_MAX_MEMBERS} and {max_unpacked_bytes:,} (max_file_bytes)"
        )


_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_AROUND = {f"{_W}{name}" for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag")}
"""Elements that only stand around others: content controls, tracked insertions, marks of other programs."""
_LETTERS = {f"{_W}t": None, f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_BOX = f"{_W}txbxContent"


def _blocks(document: Any) -> Iterator[str]:
    """Paragraphs and tables as text, in their order."""
    names = {style.style_id: style.name for style in document.styles}  # to ask each paragraph takes a millisecond
    for element in _within(document.element.body, ("p", "tbl")):
        text = _table(element) if element.tag == f"{_W}tbl" else _paragraph(element, names)
        if text:
            yield text


def _within(parent: Any, names: Sequence[str]) -> Iterator[Any]:
    """The elements of these names below a parent, whatever stands around them; the XML parser bounds the depth."""
    wanted = {f"{_W}{name}" for name in names}
    for child in parent:
        if child.tag in wanted:
            yield child
        elif child.tag in _AROUND:
            yield from _within(child, names)


def _words(element: Any) -> str:
    """Its text as it would be read: insertions are in, deletions out, text boxes left aside."""
    return "".join(
        (each.text or "") if _LETTERS[each.tag] is None else str(_LETTERS[each.tag])
        for each in element.iter(*_LETTERS)
        if not any(above.tag == _BOX for above in each.iterancestors())
    )


def _paragraph(paragraph: Any, names: Mapping[str, str]) -> str:
    text = _words(paragraph).strip()
    style = names.get(paragraph.style) or ""
    if not text:
        return ""
    if style == "Title":
        return f"# {' '.join(text.split())}"
    if style.startswith("Heading ") and style[8:].isdigit():
        return f"{'#' * min(int(style[8:]), 6)} {' '.join(text.split())}"
    return f"- {text}" if style.startswith("List ") else text


def _table(table: Any) -> str:
    """A line a row; what a cell holds, other tables too, is one run of words. A cell that spans columns stands once."""
    rows = []
    for row in _within(table, ("tr",)):
        cells = [
            " ".join(" ".join(_words(each) for each in cell.iter(f"{_W}p")).split()) for cell in _within(row, ("tc",))
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)
