"""What the readers of one run share: the options, the field map, and what happens to malformed records."""

import logging

from spaniel.retrieval.errors import InvalidInput, LimitExceeded

from .fields import FieldMap
from .options import InputOptions, Problem

__all__ = ["Context"]

_log = logging.getLogger(__name__)


class Context:
    """One run of `read_documents`.

    Attributes:
        skipped: malformed records so far.
    """

    def __init__(self, options: InputOptions, *, skipped: int = 0) -> None:
        self.options = options
        self.fields = FieldMap(options)
        self.replace = options.encoding_errors == "replace"
        self.skipped = skipped

    def malformed(self, file: str, line: int, byte: int, reason: str) -> None:
        """Report a record and count it.

        Raises:
            InvalidInput: when malformed records are fatal.
        """
        problem = Problem(file, line, byte, reason)
        if self.options.on_error == "fail":
            raise InvalidInput(
                f"{file}:{line}",
                f"{reason} (byte {byte})",
                hint="mend the record, or skip malformed records with on_error='skip' (--on-error skip)",
            )
        self._count(problem)

    def too_long(self, file: str, line: int, byte: int, size_bytes: int, *, packed: bool = False) -> None:
        """Report a record over the cap and count it. `size_bytes` is what was seen of it, at least; `packed` says
        that it is a file of a format that is unpacked.

        Raises:
            LimitExceeded: when malformed records are fatal.
        """
        limit = self.options.max_file_bytes if packed else self.options.max_record_bytes
        option = "max_file_bytes" if packed else "max_record_bytes"
        if self.options.on_error == "fail":
            error = LimitExceeded(f"{file}:{line}: size of the record in bytes", size_bytes, limit)
            error.hint = f"raise {option}, or skip malformed records with on_error='skip' (--on-error skip)"
            raise error
        self._count(Problem(file, line, byte, f"the record has {size_bytes} bytes or more, the limit is {limit}"))

    def _count(self, problem: Problem) -> None:
        self.skipped += 1
        if self.options.on_problem is not None:
            self.options.on_problem(problem)
        else:
            _log.warning("skipped %s", problem)
