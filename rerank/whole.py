"""Settings that count something: a wrong one is named before the first call, not found out behind the last."""

from operator import index

from spaniel.retrieval.errors import InvalidInput

__all__ = ["MOST", "check_whole"]

MOST = 1000
"""Of what a schedule does again and again: the work before its first call, which no budget bounds, grows by it."""


def check_whole(
    where: str, name: str, value: object, *, least: int | None = None, most: int | None = None, otherwise: str = ""
) -> None:
    """That it is a whole number; a bool is none, NumPy's are.

    Args:
        least: it must be no less.
        most: nor more.
        otherwise: what else the setting may be, for the message, as in "or None for all".

    Raises:
        InvalidInput: it is not.
    """
    try:
        number = None if isinstance(value, bool) else index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or (least is not None and number < least) or (most is not None and number > most):
        wanted = ["a whole number" if number is None else "", "" if least is None else f"at least {least}"]
        said = " of ".join(each for each in wanted if each) + ("" if most is None else f" and at most {most:,}")
        raise InvalidInput(where, f"{name} is {value!r}; it must be {said}{', ' if otherwise else ''}{otherwise}")
