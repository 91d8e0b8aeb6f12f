"""Files that are one document each: plain text, Markdown, HTML, program code, PDF, Word."""

import codecs
import re
from collections.abc import Iterator

from spaniel.index.chunking.outline import Heading, Outlined
from spaniel.retrieval.types import Document

from .batch import Piece
from .context import Context
from .docx import docx_text
from .fields import MalformedRecordError, clean
from .html import html_text
from .ids import content_id
from .markdown import markdown_title
from .pdf import pdf_text
from .sources import EXTRAS, SourceFile
from .stream import BOM, ByteStream

__all__ = ["read_whole"]

_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
# What pages declare in practice. Python knows codecs that are no character sets at all, so not every name will do.
_PAGE_ENCODINGS = (
    "iso8859-1 iso8859-2 iso8859-5 iso8859-7 iso8859-9 iso8859-15 cp1250 cp1251 cp1252 cp1253 cp1254 cp1256 "
    "koi8-r koi8-u shift_jis cp932 euc_jp iso2022_jp euc_kr cp949 gbk gb2312 gb18030 big5 big5hkscs"
)


def read_whole(file: SourceFile, context: Context) -> Iterator[Piece]:
    """The one document of a file, as one piece; an empty one when the file is malformed and that is not fatal.

    Text, Markdown and code are kept as they are, so that offsets point into the file as it stands (without a byte order
    mark). HTML becomes text with its headings beside it (`html_text`); PDF (`pdf_text`) and Word documents
    (`docx_text`) become text.

    Raises:
        InvalidInput, LimitExceeded: the file cannot be used, when malformed records are fatal.
    """
    name, packed = str(file.path), file.format in EXTRAS
    cap = context.options.max_file_bytes if packed else context.options.max_record_bytes
    documents: list[Document] = []
    data = b""
    try:
        with ByteStream(file.path, name) as stream:
            if not packed:
                stream.skip_bom()
            data = _read_all(stream, cap)
        if len(data) > cap:
            context.too_long(name, 1, 0, max(len(data), file.size_bytes), packed=packed)
        else:
            documents = [_document(file, data, context)]
    except MalformedRecordError as error:
        context.malformed(name, 1 + data.count(b"\n", 0, error.byte), error.byte, error.reason)
    except PermissionError:
        context.malformed(name, 1, 0, "no permission to read this file")
    yield Piece(documents, 1, len(data), len(data), file.size_bytes, file.format)


def _read_all(stream: ByteStream, cap: int) -> bytes:
    """The file, or one byte more than the cap of it."""
    chunks, size = [], 0
    while size <= cap and (chunk := stream.read(min(1 << 20, cap + 1 - size))):
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


def _document(file: SourceFile, data: bytes, context: Context) -> Document:
    """Raises MalformedRecordError when the file is no text, or none that can be read."""
    title, text, headings = _read(file, data, context)
    if "\0" in text or "\0" in title:
        # Also where U+FFFD may take its place a file with NULs is named: most likely it is no text at all.
        text, title = (clean(part, "text", replace=context.replace) for part in (text, title))
    ident = content_id(title, text) if context.options.ids == "hash" else file.document_id
    return Outlined(ident, text, title, headings=headings) if headings else Document(ident, text, title)


def _read(file: SourceFile, data: bytes, context: Context) -> tuple[str, str, tuple[Heading, ...]]:
    """Title, text and, where the text does not show them, headings."""
    if file.format == "html":
        return html_text(_decode(data, html=True, replace=context.replace))
    return *_title_and_text(file, data, context), ()


def _title_and_text(file: SourceFile, data: bytes, context: Context) -> tuple[str, str]:
    options = context.options
    if file.format == "pdf":
        limits = {"max_pages": options.max_pages, "max_chars": options.max_record_bytes}
        return pdf_text(data, **limits, max_seconds=options.max_pdf_s)
    if file.format == "docx":
        return docx_text(data, max_unpacked_bytes=options.max_file_bytes, max_chars=options.max_record_bytes)
    text = _decode(data, html=False, replace=context.replace)
    if file.format == "markdown":
        return markdown_title(text), text
    return (file.document_id if file.format == "code" else ""), text


def _decode(data: bytes, *, html: bool, replace: bool) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        encoding = _declared_encoding(data) if html else None
        if encoding is not None:
            return data.decode(encoding, "replace")
        if replace:
            return data.decode("utf-8", "replace")
        raise MalformedRecordError(f"invalid UTF-8: 0x{data[error.start]:02x}", error.start) from None


def _declared_encoding(data: bytes) -> str | None:
    """The character set that an HTML page names in its first 2,048 bytes, when it is a known one."""
    match = _CHARSET.search(data[:2048].removeprefix(BOM))
    if match is None:
        return None
    try:
        name = codecs.lookup(match[1].decode("ascii", "replace")).name
    except LookupError:
        return None
    # Pages that say Latin-1 mean Windows-1252: browsers are bound to read them so (WHATWG Encoding, sec. 4.2).
    return ("cp1252" if name == "iso8859-1" else name) if name in _PAGE_ENCODINGS.split() else None
