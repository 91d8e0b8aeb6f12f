"""What may be spent on one query."""

from dataclasses import dataclass

from spaniel.retrieval.errors import InvalidInput

__all__ = ["Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds for each query; None for none. When one is reached, the schedule returns the best order it can tell.

    Attributes:
        calls: of the judge; a pair shown in both orders is two, and is asked in both or not at all.
        tokens: read and written. Calls are made as long as their estimates fit in what is left; afterwards what was
            really used counts, so that the last round may go over by the error of the estimates.
        seconds: looked at between batches, so that it may be passed by the length of one. Of a batch that several
            queries share, each bears the part of its calls. The only bound that depends on the machine.
    """

    calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("calls", "tokens", "seconds"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise InvalidInput("budget", f"{name} is {value}; it must be 0 or more, or None for no bound")
