"""From a record (a mapping of field names to values) to a `Document`."""

from collections.abc import Sequence

from spaniel.retrieval.types import JSON, Document

from .ids import content_id
from .options import InputOptions

__all__ = ["ID_FIELDS", "TEXT_FIELDS", "TITLE_FIELDS", "FieldMap", "MalformedRecordError", "clean"]

ID_FIELDS = ("_id", "id", "docid", "doc_id", "docno", "pid", "uuid")
TEXT_FIELDS = ("text", "contents", "content", "body", "passage", "abstract")
TITLE_FIELDS = ("title",)
_META_FIELDS = ("metadata", "meta")
_MAX_DEPTH = 64  # of meta values; whoever stores or prints them recurses


class MalformedRecordError(ValueError):
    """A record that cannot be used: `reason`, and the byte offset inside the record where it is known."""

    def __init__(self, reason: str, byte: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.byte = reason, byte


class FieldMap:
    """Finds id, text and title in a record; the rest becomes `meta`.

    The names are looked up in every record anew: what a record becomes never depends on the records before it, so
    reading can go on anywhere.
    """

    def __init__(self, options: InputOptions) -> None:
        self._id_names = ID_FIELDS if options.id_field is None else (options.id_field,)
        self._text_names = TEXT_FIELDS if options.text_field is None else (options.text_field,)
        self._title_names = TITLE_FIELDS if options.title_field is None else (options.title_field,)
        self._first = (self._id_names[0], self._text_names[0], self._title_names[0])
        self._id_required = options.id_field is not None
        self._title_required = options.title_field is not None
        self._hash = options.ids == "hash"
        self._replace = options.encoding_errors == "replace"

    def document(self, record: dict[str, JSON]) -> Document:
        """The document that a record means. Takes its fields out of the mapping.

        A text may be empty (collections hold such records, and dropping them would shift every count), a title may
        be missing or null, an id may be a whole number. An object named `metadata` or `meta` is unfolded into
        `meta`, unless one of its names is taken.

        Raises:
            MalformedRecordError: no text, or a field of another type, or a NUL character.
        """
        # The usual record has everything under the first names: one look at each, and nothing else to do.
        if len(record) == 3 and not self._hash:
            first_id, first_text, first_title = self._first
            ident, text, title = record.get(first_id), record.get(first_text), record.get(first_title)
            if (
                type(ident) is str
                and type(text) is str
                and type(title) is str
                and ident
                and not ("\0" in text or "\0" in title or "\0" in ident)
            ):
                return Document(ident, text, title, {})
        return self._unusual(record)

    def _unusual(self, record: dict[str, JSON]) -> Document:
        text = self._text(record)
        title = self._title(record)
        name = next((name for name in self._id_names if name in record), None)
        if name is None and self._id_required:
            raise MalformedRecordError(f"no field {self._id_names[0]!r} (the id)")
        # A field that would be the id goes, even where the hash takes its place: it is not meta.
        given = self._id(name, record.pop(name)) if name is not None else None
        ident = content_id(title, text) if given is None or self._hash else given
        return Document(ident, text, title, self._meta(record) if record else {})

    def _text(self, record: dict[str, JSON]) -> str:
        for name in self._text_names:
            if name in record:
                text = record.pop(name)
                if not isinstance(text, str):
                    raise MalformedRecordError(f"field {name!r} (the text) is {_kind(text)}, it must be a string")
                return clean(text, name, replace=self._replace) if "\0" in text else text
        raise MalformedRecordError(f"no field {_either(self._text_names)} (the text){_present(record)}")

    def _title(self, record: dict[str, JSON]) -> str:
        for name in self._title_names:
            if name in record:
                title = record.pop(name)
                if title is None:
                    return ""
                if not isinstance(title, str):
                    raise MalformedRecordError(f"field {name!r} (the title) is {_kind(title)}, it must be a string")
                return clean(title, name, replace=self._replace) if "\0" in title else title
        if self._title_required:
            raise MalformedRecordError(f"no field {self._title_names[0]!r} (the title)")
        return ""

    def _id(self, name: str, ident: JSON) -> str:
        if type(ident) is int:  # bool is an int, and no id
            return str(ident)
        if not isinstance(ident, str):
            raise MalformedRecordError(
                f"field {name!r} (the id) is {_kind(ident)}, it must be a string or a whole number"
            )
        if not ident:
            raise MalformedRecordError(f"field {name!r} (the id) is empty")
        return clean(ident, name, replace=self._replace) if "\0" in ident else ident

    def _meta(self, record: dict[str, JSON]) -> dict[str, JSON]:
        for name in _META_FIELDS:
            nested = record.get(name)
            if isinstance(nested, dict) and nested.keys().isdisjoint(record.keys() - {name}):
                del record[name]
                record.update(nested)
        for name, value in record.items():
            if isinstance(value, dict | list):
                _check_depth(name, value)
        return record


def clean(text: str, name: str, *, replace: bool) -> str:
    """Text without NUL characters, which neither SQLite's tools nor C strings carry.

    Raises:
        MalformedRecordError: there is one and `replace` is off.
    """
    if "\0" not in text:
        return text
    if not replace:
        raise MalformedRecordError(f"field {name!r} holds a NUL character")
    return text.replace("\0", "�")


def _check_depth(name: str, value: JSON) -> None:
    level: list[JSON] = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise MalformedRecordError(f"field {name!r} is nested deeper than {_MAX_DEPTH} levels")


def _kind(value: JSON) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def _either(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names)) if len(names) < 3 else f"{names[0]!r} (nor {', '.join(map(repr, names[1:]))})"


def _present(record: dict[str, JSON]) -> str:
    if not record:
        return ""
    shown = ", ".join(repr(name)[:40] for name in list(record)[:8])
    return f"; the record has {shown}{' ...' if len(record) > 8 else ''}"
