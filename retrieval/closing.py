"""`with` for everything that is to be closed."""

from types import TracebackType
from typing import Self

__all__ = ["Closing"]


class Closing:
    """A context manager that is closed at the end."""

    def close(self) -> None:
        """Give back what is held: files, memory, connections. What holds nothing does nothing here."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
