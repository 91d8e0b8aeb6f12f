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

_BOM = b"\xef\xbb\xbf"
# Escapes from left to right, each taken whole, so that an escaped backslash before a u is none of ours.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.S
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
        mended = _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)
        if mended != body:
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
