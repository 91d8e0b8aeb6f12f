"""PDF to title and text, by pypdf: the words of each page in the order in which the file has them.

Nothing of the page's look is kept; scanned pages hold no words, and reading pictures is left out. What a file may
make us hold is bounded before it is held: pages, and bytes of their unpacked contents (pypdf bounds a single stream).
"""

from io import BytesIO

from spaniel.retrieval.errors import require

from .fields import MalformedRecordError

__all__ = ["pdf_text"]

_MAX_CONTENT_BYTES = 256 << 20
_BETWEEN_PAGES = "\n\n"


def pdf_text(data: bytes, *, max_pages: int, max_chars: int) -> tuple[str, str]:
    """(title, text) of a file; pages are set apart by a blank line.

    Raises:
        MalformedRecordError: damaged, locked with a password, over a limit, or without any text.
        MissingExtra: pypdf is not installed.

    Cost: 6 to 9 ms a page of prose.
    """
    pypdf = require("pypdf", extra="files")
    try:
        reader = pypdf.PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise MalformedRecordError("the PDF is locked with a password")
        if len(reader.pages) > max_pages:
            raise MalformedRecordError(f"the PDF has {len(reader.pages)} pages, the limit (max_pages) is {max_pages}")
        text = _BETWEEN_PAGES.join(_pages(reader, max_chars))
        title = (reader.metadata.title if reader.metadata else None) or ""
    except MalformedRecordError:
        raise
    except pypdf.errors.DependencyError as error:
        raise MalformedRecordError(f"the PDF is encrypted ({error})") from None
    except Exception as error:  # noqa: BLE001  # crafted and damaged files raise whatever they like
        raise MalformedRecordError(f"the PDF is damaged ({type(error).__name__}: {error})") from None
    if not text.strip():
        raise MalformedRecordError("the PDF holds no text; scanned pages have to go through OCR first")
    return " ".join(str(title).split()), text


def _pages(reader, max_chars: int) -> list[str]:  # type: ignore[no-untyped-def]
    texts, content_bytes, chars = [], 0, 0
    for page in reader.pages:
        contents = page.get_contents()
        content_bytes += len(contents.get_data()) if contents is not None else 0
        if content_bytes > _MAX_CONTENT_BYTES:
            raise MalformedRecordError(f"the pages of the PDF unpack to more than {_MAX_CONTENT_BYTES:,} bytes")
        # pypdf gives lone halves of surrogate pairs where a font's table is wrong.
        text = page.extract_text().encode("utf-8", "replace").decode().strip()
        chars += len(text) + len(_BETWEEN_PAGES)
        if chars > max_chars:
            raise MalformedRecordError(f"the PDF holds more than {max_chars:,} characters (max_record_bytes)")
        texts.append(text)
    return texts
