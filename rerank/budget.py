"""What may be spent on one query."""

from dataclasses import dataclass
from numbers import Real

from spaniel.retrieval.errors import InvalidInput

from .whole import check_whole

__all__ = ["Budget"]


@dataclass(frozen=True, slots=True)
class Budget:
    """Bounds for each query; None for none. When one is reached, the schedule returns the best order it can tell.

    Attributes:
        calls: of the judge; a pair shown in both orders is two, and is asked in both or not at all.
        tokens: read and written. Calls are made as long as their estimates fit in what is left; afterwards what each
            really used counts, so that the last round may go over by the error of the estimates (exact for models on
            this machine). What a judge remembers is charged as if it did not, and a server that only counts whole
            requests by the estimates, so that no query's end depends on the others.
        seconds: of the judge (`Trace.seconds`), looked at between batches, so that it may be passed by the length of
            one; behind a network, when a call ends or the time is over, whatever is under way. The only bound that
            depends on the machine.
    """

    calls: int | None = None
    tokens: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("calls", "tokens"):
            if getattr(self, name) is not None:
                check_whole("budget", name, getattr(self, name), least=0, otherwise="or None for no bound")
        seconds = self.seconds
        if seconds is not None and (isinstance(seconds, bool) or not isinstance(seconds, Real) or not seconds >= 0):
            raise InvalidInput("budget", f"seconds is {seconds!r}; it must be 0 or more, or None for no bound")
