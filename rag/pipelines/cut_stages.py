"""Stages that cut a ranking where it stops being worth reading: more of the table in `stages.py`."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.adaptive_k import AdaptiveK
from spaniel.retrieval.policies.conformal import ConformalCut
from spaniel.retrieval.policies.cumulative import LOGITS, CumulativeProbability
from spaniel.retrieval.policies.cumulative_scores import CumulativeThreshold
from spaniel.retrieval.policies.fitted import FittedPolicy
from spaniel.retrieval.policies.fixed import FixedK
from spaniel.retrieval.policies.ordinal import OrdinalCutoff
from spaniel.retrieval.policies.percentile import Percentile
from spaniel.retrieval.policies.priced import PricedCut
from spaniel.retrieval.policies.relative import Elbow, RelativeThreshold
from spaniel.retrieval.policies.score_calibration import Calibration
from spaniel.retrieval.policies.threshold import Threshold
from spaniel.retrieval.policies.top_p import TopP

from .stages import stage

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = [
    "CutAdaptiveK",
    "CutConformal",
    "CutCumulative",
    "CutCumulativeScores",
    "CutElbow",
    "CutFixedK",
    "CutOrdinal",
    "CutPercentile",
    "CutPriced",
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


@dataclass(frozen=True, slots=True)
class _Saved:
    """A fitted policy out of the file that its `save` wrote."""

    kind: ClassVar[Literal["source", "later"]] = "later"
    saved: ClassVar[type[FittedPolicy]]
    policy: str = ""

    def __post_init__(self) -> None:
        if not self.policy:
            hint = 'write policy = "FILE.json", the file that `save` of a fitted policy wrote'
            raise InvalidInput(self.saved.name, "policy is missing", hint)

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        return self.saved.read(self.policy)


@stage("ordinal")
class CutOrdinal(_Saved):
    """The predicted rank of the first relevant passage, and a buffer."""

    __slots__ = ()
    saved: ClassVar[type[FittedPolicy]] = OrdinalCutoff


@stage("cumulative-scores")
class CutCumulativeScores(_Saved):
    """The head that holds a share of the sum of the scores."""

    __slots__ = ()
    saved: ClassVar[type[FittedPolicy]] = CumulativeThreshold


@stage("conformal")
class CutConformal(_Saved):
    """The head that misses no more than alpha of what is relevant, on average."""

    __slots__ = ()
    saved: ClassVar[type[FittedPolicy]] = ConformalCut


@stage("priced")
@dataclass(frozen=True, slots=True)
class CutPriced:
    """Passages while they are expected to add more than the price: the file's, unless one is given."""

    kind: ClassVar[Literal["source", "later"]] = "later"
    policy: str = ""
    price: float | None = None
    max_k: int | None = None

    def __post_init__(self) -> None:
        if not self.policy:
            raise InvalidInput("priced", "policy is missing", hint='write policy = "FILE.json", which `save` wrote')
        if self.price is not None and not 0 <= self.price <= 1:
            raise InvalidInput("priced", f"price is {self.price}; it must lie between 0 and 1")

    def make(self, index: "Index", depth: int) -> object:
        """See `StageSpec`."""
        read = PricedCut.read(self.policy)
        priced = read if self.price is None else read.at(self.price)
        return priced if self.max_k is None else replace(priced, max_k=self.max_k)
