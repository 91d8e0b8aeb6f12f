"""From a body to a value of a dialect, and the path of what is wrong with it.

JSON as RFC 8259 has it: no NaN and no Infinity. Two things that clients do are let pass: a byte order mark, and half a
surrogate pair (JavaScript cuts strings in the middle of an emoji), which becomes U+FFFD.
"""

import re
from typing import TypeVar

import msgspec

from .errors import Problem

__all__ = ["Shape", "decode", "keys_of"]

T = TypeVar("T")

_MOST_HALVES = 10_000  # more are no cut strings, and would take a while
_BOM = b"\xef\xbb\xbf"
_START, _REST = rb"\\u[dD]", rb"[0-9a-fA-F]{2}"
_HIGH, _LOW = _START + rb"[89abAB]" + _REST, _START + rb"[c-fC-F]" + _REST
# Both halves behind the one start, so that it is searched for as plain bytes.
_HALF = re.compile(
    _START + rb"(?:[89abAB]" + _REST + rb"(?!" + _LOW + rb")|(?<!" + _HIGH + _START + rb")[c-fC-F]" + _REST + rb")"
)
_PLACE = re.compile(r" - at `\$\.?([^`]*)`$")


class Shape(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Base of what goes in and out as JSON. Fields that are not known are left alone: clients send many."""


class _Keys(Shape):
    texts: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    documents: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def decode(body: bytes, shape: type[T]) -> T:
    """The body as a value of this shape.

    Raises:
        Problem: 400 for what is no JSON, 422 with the field's path for JSON of another shape.
    """
    body = body.removeprefix(_BOM)
    if not body.strip():
        raise Problem(400, "EmptyBody", "the body is empty", hint="send JSON")
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise _misshapen(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Escaped backslashes are written otherwise first, so that every backslash that is left begins an escape.
        mended, n_halves = _HALF.subn(rb"\\ufffd", body.replace(rb"\\", rb"\u005c"), _MOST_HALVES)
        if 0 < n_halves < _MOST_HALVES:
            return decode(mended, shape)
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Problem(400, "InvalidJSON", f"the body is no JSON: {said}") from None


def keys_of(body: bytes) -> frozenset[str]:
    """Which of "texts" and "documents" a body has.

    Raises:
        Problem: as `decode`.
    """
    keys = decode(body, _Keys)
    return frozenset(name for name in ("texts", "documents") if getattr(keys, name) is not msgspec.UNSET)


def _misshapen(error: msgspec.ValidationError) -> Problem:
    said = str(error)
    found = _PLACE.search(said)
    path = "" if found is None else found[1]
    said = said[: found.start()] if found else said
    return Problem(422, "Validation", said[:1].lower() + said[1:], path=path)
