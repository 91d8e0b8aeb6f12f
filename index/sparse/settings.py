"""What the sparse part of an index is made with; plain data that stands in the manifest."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from spaniel.retrieval.errors import InvalidInput

from .scorers import Scorer

__all__ = ["MAX_FIELDS", "SparseSettings"]

MAX_FIELDS = 16


@dataclass(frozen=True, slots=True)
class SparseSettings:
    """Fields and scorer.

    Args:
        fields: name -> weight. A passage's score is the weighted sum of its fields' scores, each under its own
            lengths and document frequencies. One field, `contents` (title, blank, text), is the usual choice.
        scorer: whose values are quantised into the index. Others can be used at query time: exact too, only slower.

    Raises:
        InvalidInput: no fields, too many, or a weight that is not a positive number.
    """

    fields: Mapping[str, float] = field(default_factory=lambda: {"contents": 1.0})
    scorer: Scorer = field(default_factory=Scorer)

    def __post_init__(self) -> None:
        if not 1 <= len(self.fields) <= MAX_FIELDS:
            raise InvalidInput("fields", f"{len(self.fields)} fields; there must be 1 to {MAX_FIELDS}")
        for name, weight in self.fields.items():
            if not (np.isfinite(weight) and weight > 0):
                raise InvalidInput("fields", f"the weight of {name!r} is {weight}; it must be a number above 0")

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {"fields": dict(self.fields), "scorer": asdict(self.scorer)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "SparseSettings":
        """From the manifest.

        Raises:
            InvalidInput: a field is missing or out of range.
        """
        try:
            return cls(dict(data["fields"]), Scorer(**data["scorer"]))
        except (KeyError, TypeError) as error:
            raise InvalidInput("sparse settings", f"{dict(data)} cannot be read: {error}") from error
