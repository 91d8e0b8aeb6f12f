"""Stages that cut a ranking where it stops being worth reading: more of the table in `stages.py`."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from spaniel.retrieval.policies.adaptive_k import AdaptiveK
from spaniel.retrieval.policies.cumulative import LOGITS, CumulativeProbability
from spaniel.retrieval.policies.fixed import FixedK
from spaniel.retrieval.policies.percentile import Percentile
from spaniel.retrieval.policies.relative import Elbow, RelativeThreshold
from spaniel.retrieval.policies.score_calibration import Calibration
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.policies.top_p import TopP

from .stages import stage

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = [
    "CutAdaptiveK",
    "CutCumulative",
    "CutElbow",
    "CutFixedK",
    "CutPercentile",
    "CutRelative",
    "CutThreshold",
    "CutTopP",
]


class _Policy:
    """A policy whose fields are all plain values is its own stage."""

    __slots__ = ()
    kind: ClassVar[Literal["source", "later"]] = "later"

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        return self


@stage("fixed-k")
class CutFixedK(_Policy, FixedK):
    """The first k."""

    __slots__ = ()


@stage("adaptive-k")
class CutAdaptiveK(_Policy, AdaptiveK):
    """What stands before the largest gap between scores."""

    __slots__ = ()


@stage("relative")
class CutRelative(_Policy, RelativeThreshold):
    """Scores of at least a share of the best one."""

    __slots__ = ()


@stage("elbow")
class CutElbow(_Policy, Elbow):
    """Up to where the curve of scores bends."""

    __slots__ = ()


@stage("percentile")
class CutPercentile(_Policy, Percentile):
    """The upper part of the scores that were found."""

    __slots__ = ()


@stage("top-p")
class CutTopP(_Policy, TopP):
    """The head that holds most of the softmax of the scores."""

    __slots__ = ()


@stage("threshold")
@dataclass(frozen=True, slots=True)
class CutThreshold:
    """Passages whose score, or its probability by the calibration in a file, is at least so much."""

    kind: ClassVar[Literal["source", "later"]] = "later"
    min_score: float | None = None
    min_probability: float | None = None
    calibration: str | None = None
    min_k: int = 0
    max_k: int | None = None

    def __post_init__(self) -> None:
        Threshold(self.min_score, self.min_probability, LOGITS if self.calibration else None, self.min_k, self.max_k)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        read = Calibration.read(self.calibration) if self.calibration else None
        return Threshold(self.min_score, self.min_probability, read, self.min_k, self.max_k)


@stage("cumulative")
@dataclass(frozen=True, slots=True)
class CutCumulative:
    """The head that holds `mass` of the relevant passages (`of` "all"), or one of them ("any").

    `depth` is what counts as the whole ranking, where it is not what the calibration says.
    """

    kind: ClassVar[Literal["source", "later"]] = "later"
    mass: float = 0.9
    calibration: str | None = None
    of: Literal["all", "any"] = "all"
    depth: int | None = None
    min_k: int = 1
    max_k: int | None = None

    def __post_init__(self) -> None:
        self._policy(LOGITS)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        return self._policy(Calibration.read(self.calibration) if self.calibration else LOGITS)

    def _policy(self, calibration: Calibration) -> CumulativeProbability:
        told = calibration if self.depth is None else replace(calibration, depth=self.depth)
        return CumulativeProbability(self.mass, told, self.of, self.min_k, self.max_k)
