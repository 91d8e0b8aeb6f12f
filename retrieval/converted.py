"""Settings out of TOML or off a command line as the types that dataclasses give them; errors name what may be."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import msgspec

__all__ = ["converted"]


def converted(value: object, hint: Any, *, strict: bool = True) -> Any:
    """The value as the type of a field.

    Args:
        hint: the type; of words (`Literal`) the message lists all.
        strict: do not read numbers out of text.

    Raises:
        ValueError: it cannot be; the message says why.

    Example:
        >>> converted("8", int, strict=False)
        8
        >>> converted("c", Literal["a", "b"] | None)
        Traceback (most recent call last):
        ValueError: it must be one of a, b
    """
    try:
        return msgspec.convert(value, hint, strict=strict)
    except msgspec.ValidationError as error:
        words = list(_words(hint))
        said = str(error)
        if words and isinstance(value, str) and value not in words:
            said = f"it must be one of {', '.join(words)}"
        elif words and isinstance(value, list | tuple):
            wrong = [each for each in value if isinstance(each, str) and each not in words]
            said = f"{wrong[0]!r} is not one of {', '.join(words)}" if wrong else said
        raise ValueError(said) from None


def _words(hint: Any) -> Iterator[str]:
    if get_origin(hint) is Literal:
        yield from map(str, get_args(hint))
        return
    for part in get_args(hint):
        yield from _words(part)
