"""Word documents (.docx) to title and text, by python-docx: paragraphs, headings, lists and tables, in their order.

Headings become `# Heading`, items `- item`, rows of tables `| a | b |`, so that the chunker sees the structure.
Headers, footers, footnotes, comments and text boxes are left out. A .docx is a zip archive; what its members
unpack to is summed up from its directory before anything is unpacked, and zipfile unpacks no more than it says there.
"""

import zipfile
from collections.abc import Iterator, Mapping
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


def _blocks(document: Any) -> Iterator[str]:
    """Paragraphs and tables as text, in their order."""
    names = {style.style_id: style.name for style in document.styles}  # to ask each paragraph takes a millisecond
    for item in document.iter_inner_content():
        text = _table(item) if hasattr(item, "rows") else _paragraph(item, names)
        if text:
            yield text


def _paragraph(paragraph: Any, names: Mapping[str, str]) -> str:
    text = str(paragraph.text).strip()
    style = names.get(paragraph._p.style) or ""
    if not text:
        return ""
    if style == "Title":
        return f"# {' '.join(text.split())}"
    if style.startswith("Heading ") and style[8:].isdigit():
        return f"{'#' * min(int(style[8:]), 6)} {' '.join(text.split())}"
    return f"- {text}" if style.startswith("List ") else text


def _table(table: Any) -> str:
    rows = []
    for row in table.rows:
        cells: dict[int, str] = {}  # a merged cell comes once for each column that it covers
        for cell in row.cells:
            cells.setdefault(id(cell._tc), " ".join(str(cell.text).split()))
        rows.append(f"| {' | '.join(cells.values())} |")
    return "\n".join(rows)
