"""What a reader of documents may be told, and what it tells back about records it could not use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from spaniel.retrieval.errors import InvalidInput

__all__ = ["ColumnType", "InputOptions", "Problem"]

ColumnType = Literal["text", "integer", "real"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One record that could not be used.

    Attributes:
        file: path as the caller would write it.
        line: first line of the record, from 1.
        byte: offset in the (decompressed) file of the offence where it is known, else of the record.
        reason: what is wrong, in words.
    """

    file: str
    line: int
    byte: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """How sources are read. Every default suits a BEIR folder and a folder of text files alike.

    Attributes:
        id_field: field that holds the id; by default the first of `_id, id, docid, doc_id, docno, pid, uuid` that
            a record has, and a content hash for a record that has none of them.
        text_field: field that holds the text; by default the first of `text, contents, content, body, passage,
            abstract` that a record has.
        title_field: field that holds the title; by default `title`. Every other field goes into `meta`.
        ids: "auto" takes ids from the input; "hash" gives every document its content hash (`content_id`).
        on_error: "fail" raises at the first malformed record; "skip" reports it, counts it and goes on.
        on_problem: called with each skipped record; without it they are logged as warnings.
        encoding_errors: "strict" makes bytes that are not UTF-8, lone surrogates and NUL characters malformed;
            "replace" puts U+FFFD in their place.
        columns: names of the columns of a CSV or TSV file that has no header line.
        types: meta column -> type for CSV and TSV, where everything is text otherwise.
        delimiter: of CSV and TSV files; by default "," and a tab.
        quote: quotation mark of CSV and TSV files; empty when quotes are plain characters.
        max_record_bytes: longest record, or longest whole file where a file is one document.
        max_file_bytes: largest PDF or Word document, and what the latter may unpack to; its text still counts as a
            record.
        max_pages: of a PDF.
        max_pdf_s: seconds of work that a PDF may take.
        batch_records: documents in a batch, about.
        batch_bytes: bytes of input in a batch, about.

    Raises:
        InvalidInput: a value outside its range.
    """

    id_field: str | None = None
    text_field: str | None = None
    title_field: str | None = None
    ids: Literal["auto", "hash"] = "auto"
    on_error: Literal["fail", "skip"] = "fail"
    on_problem: Callable[[Problem], None] | None = field(default=None, compare=False)
    encoding_errors: Literal["strict", "replace"] = "strict"
    columns: tuple[str, ...] = ()
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    delimiter: str | None = None
    quote: str = '"'
    max_record_bytes: int = 16 << 20
    max_file_bytes: int = 256 << 20
    max_pages: int = 10_000
    max_pdf_s: float = 300.0
    batch_records: int = 1000
    batch_bytes: int = 4 << 20

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("ids", self.ids, ("auto", "hash")),
            ("on_error", self.on_error, ("fail", "skip")),
            ("encoding_errors", self.encoding_errors, ("strict", "replace")),
            *((f"types[{column!r}]", kind, get_args(ColumnType)) for column, kind in self.types.items()),
        ):
            if value not in allowed:
                raise InvalidInput(name, f"{value!r} is not one of {', '.join(allowed)}")
        for name in ("max_record_bytes", "max_file_bytes", "max_pages", "batch_records", "batch_bytes"):
            if getattr(self, name) < 1:
                raise InvalidInput(name, f"{getattr(self, name)}; it must be at least 1")
        if not self.max_pdf_s > 0:
            raise InvalidInput("max_pdf_s", f"{self.max_pdf_s}; it must be above 0")
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '\r\n"'):
            raise InvalidInput("delimiter", f"{self.delimiter!r} is not one character")
        if len(self.quote) > 1 or self.quote in ("\r", "\n", self.delimiter):
            raise InvalidInput("quote", f"{self.quote!r} is neither empty nor one character of its own")
        if len(set(self.columns)) != len(self.columns):
            raise InvalidInput("columns", f"{', '.join(self.columns)}: a name stands there twice")
