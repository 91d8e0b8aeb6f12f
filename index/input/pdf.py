"""PDF to title and text, by pypdf: the words of each page in the order in which the file has them.

Nothing of the page's look is kept; scanned pages hold no words, and reading pictures is left out. What a file may
make us hold is bounded before it is held: pages, and bytes of their unpacked contents (pypdf bounds a single stream).

Time is bounded too, for a small file can keep a reader busy for hours (forms that show each other a thousand times, a
table of objects that leads in circles). The clock is looked at between pages, at the operators of a page and of what
it shows, and at reads from the file. What that cannot interrupt: unpacking and parsing one stream, and one font's
tables; pypdf (7.1) bounds each by 75 MB and two million parts, some seconds.
"""

import re
from io import BytesIO
from time import thread_time
from typing import Any

from spaniel.retrieval.errors import require

from .fields import MalformedRecordError

__all__ = ["pdf_text"]

_MAX_CONTENT_BYTES = 256 << 20
_BETWEEN_PAGES = "\n\n"
_SHOWS = re.compile(rb"T[jJ]|['\"]|Do")
_CALLS_PER_LOOK = 256


class _OutOfTimeError(BaseException):
    """pypdf goes on after any Exception."""


class _Deadline:
    """Seconds of this thread's own work: a busy machine makes no file longer."""

    def __init__(self, seconds: float) -> None:
        self._end_s = thread_time() + seconds
        self._calls = 0

    def check(self) -> None:
        if thread_time() > self._end_s:
            raise _OutOfTimeError

    def check_at_times(self, *_: object) -> None:
        """The same, cheap enough for what is called a million times."""
        self._calls += 1
        if self._calls % _CALLS_PER_LOOK == 0:
            self.check()


class _TimedFile(BytesIO):
    """A file in memory that is read until a deadline."""

    def __init__(self, data: bytes, deadline: _Deadline) -> None:
        super().__init__(data)
        self._check = deadline.check_at_times

    def read(self, size: int | None = -1, /) -> bytes:
        self._check()
        return super().read(size)


def pdf_text(data: bytes, *, max_pages: int, max_chars: int, max_seconds: float) -> tuple[str, str]:
    """(title, text) of a file; pages are set apart by a blank line.

    Raises:
        MalformedRecordError: damaged, locked with a password, over a limit, too long to read, or without any text.
        MissingExtra: pypdf is not installed.

    Cost: 6 to 9 ms a page of prose.
    """
    pypdf = require("pypdf", extra="files")
    deadline = _Deadline(max_seconds)
    try:
        reader = pypdf.PdfReader(_TimedFile(data, deadline))
        if reader.is_encrypted and not reader.decrypt(""):
            raise MalformedRecordError("the PDF is locked with a password")
        if len(reader.pages) > max_pages:
            raise MalformedRecordError(f"the PDF has {len(reader.pages)} pages, the limit (max_pages) is {max_pages}")
        text = _BETWEEN_PAGES.join(_pages(reader, max_chars, deadline))
        title = (reader.metadata.title if reader.metadata else None) or ""
    except MalformedRecordError:
        raise
    except _OutOfTimeError:
        raise MalformedRecordError(f"the PDF takes more than {max_seconds:g} s to read (max_pdf_s)") from None
    except pypdf.errors.DependencyError as error:
        raise MalformedRecordError(f"the PDF is encrypted ({error})") from None
    except Exception as error:  # noqa: BLE001  # crafted and damaged files raise whatever they like
        raise MalformedRecordError(f"the PDF is damaged ({type(error).__name__}: {error})") from None
    if not text.strip():
        raise MalformedRecordError("the PDF holds no text; scanned pages have to go through OCR first")
    return " ".join(str(title).split()), text


def _pages(reader: Any, max_chars: int, deadline: _Deadline) -> list[str]:
    texts, content_bytes, chars = [], 0, 0
    for page in reader.pages:
        deadline.check()
        contents = page.get_contents()
        content = contents.get_data() if contents is not None else b""
        content_bytes += len(content)
        if content_bytes > _MAX_CONTENT_BYTES:
            raise MalformedRecordError(f"the pages of the PDF unpack to more than {_MAX_CONTENT_BYTES:,} bytes")
        # pypdf gives lone halves of surrogate pairs where a font's table is wrong.
        watch = deadline.check_at_times if _SHOWS.search(content) else None  # a mere picture is not even parsed
        text = page.extract_text(visitor_operand_before=watch).encode("utf-8", "replace").decode().strip()
        chars += len(text) + len(_BETWEEN_PAGES)
        if chars > max_chars:
            raise MalformedRecordError(f"the PDF holds more than {max_chars:,} characters (max_record_bytes)")
        texts.append(text)
    return texts
