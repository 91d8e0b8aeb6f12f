"""How a model is trained: one frozen set of values, the same for every method, and the defaults of each method.

`settings_for("adore", epochs=3)` takes a method's defaults and lays what the user gave over them. What means nothing to
a method must be left alone, so that nobody believes that an option did something.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from typing import Any, Literal, get_args

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

__all__ = [
    "DEFAULTS",
    "METHOD_NAMES",
    "OPTIONS_OF",
    "Append",
    "Bf16",
    "MethodName",
    "TrainSettings",
    "Weight",
    "settings_for",
]

MethodName = Literal["adore", "star", "in-batch", "bpr"]
METHOD_NAMES: tuple[MethodName, ...] = get_args(MethodName)
Bf16 = Literal["auto", "on", "off"]
Weight = Literal["mrr", "ndcg"]
Append = Literal["none-found", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainSettings:
    """Everything that a run is a function of, besides its data and its start.

    Attributes:
        method: "adore", "star", "in-batch" or "bpr".
        epochs: passes over the questions.
        batch: questions a step, at most; the batches of an epoch differ by one question at most.
        learning_rate: after warm-up; falls linearly to 0 at the last step.
        weight_decay: of AdamW; not on biases and norms.
        warmup: share of all steps in which the rate rises linearly from 0.
        clip: largest norm of the gradient over all parameters; 0 for none.
        blend: how far the written weights lie on the line from the start (0) to the best ones (1).
        seed: of everything random.
        evaluations: on dev, per epoch, at equal distances, the last at its end; one more before the first step.
        patience: evaluations in a row without a new best after which training stops; 0 for never.
        checkpoint_every: steps between checkpoints; there is one at every evaluation too. 0 for those only.
        device: of torch, such as "cpu", "cuda", "cuda:1".
        bf16: autocast to bfloat16, with float32 weights and losses: "auto" where a CUDA device has it; "on" on a CPU
            too, which pays where it has instructions for it and costs where it has not.
        threads: of torch; 0 for what torch takes. Equal weights need equal numbers.
        max_query_length, max_passage_length: tokens, at most; 0 for the model's own limit.
        depth: passages that the live search gives for a question.
        scale: factor on scores inside the loss (the inverse of a temperature).
        weight: of a pair in ADORE's loss: change of MRR or of nDCG if the two changed places.
        cut: rank behind which places are worth nothing, appended ones too; 0 for none.
        append: positives put behind the live list: all that are missing in it (JPQ), or only when none was found
            (ADORE).
        negatives: hard negatives per question and step.
        rank_from, rank_to: ranks (from 0; `rank_to` is not among them) of which hard negatives are drawn.
        relative_margin: a negative is kept if its score is at most the positive's minus this share of it; 0 keeps all.
        remine_every: epochs after which the model as it is mines anew; 0 for never.
        mini_batch: texts a forward pass while a batch is whole (gradient cache); 0 for all at once.
        positives: of a question in a batch, drawn anew each epoch. 1: the softmax of that one, as published; above: of
            the mass that all passages of the batch have which answer the question.
        margin: of the ranking loss on codes.
        binary_weight: of that loss against the softmax; 1 as published, 0 without it.
        anneal: of the annealed tanh, sqrt(1 + anneal * step).
        straight_through: codes are hard signs with the gradient of tanh, in place of the annealed tanh.
        bits: of a code; 0 for as many as the model has dimensions.
        freeze_passages: the passage transformer stays as it is; its vectors come from the index.

    Raises:
        InvalidInput: a value that cannot be.
    """

    method: MethodName
    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0
    blend: float = 1.0
    seed: int = 0
    evaluations: int = 1
    patience: int = 3
    checkpoint_every: int = 100
    device: str = "cpu"
    bf16: Bf16 = "auto"
    threads: int = 0
    max_query_length: int = 64
    max_passage_length: int = 128
    depth: int = 200
    scale: float = 20.0
    weight: Weight = "mrr"
    cut: int = 0
    append: Append = "none-found"
    negatives: int = 1
    rank_from: int = 0
    rank_to: int = 200
    relative_margin: float = 0.05
    remine_every: int = 0
    mini_batch: int = 0
    positives: int = 1
    margin: float = 0.1
    binary_weight: float = 1.0
    anneal: float = 0.1
    straight_through: bool = False
    bits: int = 0
    freeze_passages: bool = False

    def __post_init__(self) -> None:
        for name, allowed in _ONE_OF.items():
            if getattr(self, name) not in allowed:
                raise InvalidInput(_where(name), f"{getattr(self, name)!r} is not one of {', '.join(allowed)}")
        for name, (low, high) in _WHOLE.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise InvalidInput(_where(name), f"{value!r} must be a whole number from {low} to {high}")
        for name, (least, most) in _REAL.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
                raise InvalidInput(_where(name), f"{value!r} must be a number from {least:g} to {most:g}")
        for name in ("straight_through", "freeze_passages"):
            if type(getattr(self, name)) is not bool:
                raise InvalidInput(_where(name), f"{getattr(self, name)!r} must be true or false")
        if self.learning_rate == 0:
            raise InvalidInput(_where("learning_rate"), "0 would train nothing")
        if not isinstance(self.device, str) or not self.device:
            raise InvalidInput(_where("device"), f"{self.device!r} is no device; write cpu or cuda")
        if self.rank_from >= self.rank_to:
            raise InvalidInput(_where("rank_to"), f"{self.rank_to} must be above rank_from, {self.rank_from}")

    def to_json(self) -> dict[str, JSON]:
        """Plain values, as they stand in a checkpoint and in the run card."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TrainSettings":
        """The inverse of `to_json`.

        Raises:
            InvalidInput: an unknown name, or a value that cannot be.
        """
        _check_names(data)
        missing = [name for name in ("method", "epochs", "batch", "learning_rate") if name not in data]
        if missing:
            raise InvalidInput("training settings", f"{' and '.join(missing)} missing")
        return cls(**data)


_ONE_OF: Mapping[str, tuple[str, ...]] = {
    "method": METHOD_NAMES, "bf16": get_args(Bf16), "weight": get_args(Weight), "append": get_args(Append),
}  # fmt: skip
_WHOLE: Mapping[str, tuple[int, int]] = {
    "epochs": (1, 10_000), "batch": (1, 1 << 16), "seed": (0, (1 << 31) - 1),
    "evaluations": (1, 1000), "patience": (0, 10_000), "checkpoint_every": (0, 1 << 31), "threads": (0, 1024),
    "max_query_length": (0, 1 << 16), "max_passage_length": (0, 1 << 16), "depth": (1, 1 << 20), "cut": (0, 1 << 20),
    "negatives": (0, 1000), "rank_from": (0, 1 << 20), "rank_to": (1, 1 << 20), "remine_every": (0, 10_000),
    "mini_batch": (0, 1 << 16), "positives": (1, 1000), "bits": (0, 1 << 16),
}  # fmt: skip
_REAL: Mapping[str, tuple[float, float]] = {
    "learning_rate": (0.0, 10.0), "weight_decay": (0.0, 10.0), "warmup": (0.0, 1.0), "clip": (0.0, 1e6),
    "blend": (0.0, 1.0), "scale": (1e-6, 1e6), "relative_margin": (0.0, 10.0), "margin": (0.0, 1e6),
    "anneal": (0.0, 1e6), "binary_weight": (0.0, 1e6),
}  # fmt: skip

DEFAULTS: Mapping[MethodName, Mapping[str, Any]] = {
    "adore": {"epochs": 3, "batch": 32, "learning_rate": 5e-5, "blend": 0.5, "max_query_length": 0},
    "star": {"epochs": 1, "batch": 32, "learning_rate": 3e-5, "rank_to": 30},
    "in-batch": {"epochs": 1, "batch": 32, "learning_rate": 2e-5, "negatives": 0, "rank_to": 30},
    "bpr": {
        "epochs": 3, "batch": 32, "learning_rate": 5e-5, "negatives": 16, "positives": 8, "binary_weight": 0.0,
        "freeze_passages": True,
    },
}  # fmt: skip
"""What a method is trained with unless told otherwise; chosen on dev splits alone (docs/adore.md, star.md, bpr.md)."""

OPTIONS_OF: Mapping[str, tuple[MethodName, ...]] = {
    "depth": ("adore",),
    "weight": ("adore",),
    "cut": ("adore",),
    "append": ("adore",),
    "negatives": ("star", "in-batch", "bpr"),
    "rank_from": ("star", "in-batch", "bpr"),
    "rank_to": ("star", "in-batch", "bpr"),
    "relative_margin": ("star", "in-batch", "bpr"),
    "remine_every": ("star", "in-batch"),
    "positives": ("bpr",),
    "margin": ("bpr",),
    "binary_weight": ("bpr",),
    "anneal": ("bpr",),
    "straight_through": ("bpr",),
    "bits": ("bpr",),
    "freeze_passages": ("bpr",),
    "max_passage_length": ("star", "in-batch", "bpr"),
}
"""Options that mean something to some methods only."""


def settings_for(method: str, **given: Any) -> TrainSettings:
    """A method's defaults with what was given laid over them.

    Example:
        >>> settings_for("adore", epochs=3).batch
        32

    Raises:
        InvalidInput: an unknown method or name (the nearest is named), an option of another method, or a value that
            cannot be.
    """
    if method not in METHOD_NAMES:
        raise InvalidInput("method", f"{method!r} is not one of {', '.join(METHOD_NAMES)}")
    name: MethodName = method
    _check_names(given)
    for option, methods in OPTIONS_OF.items():
        if option in given and name not in methods:
            raise InvalidInput(_where(option), f"means nothing to {method}, only to {' and '.join(methods)}")
    return TrainSettings(**{"method": name, **DEFAULTS[name], **given})


def _check_names(given: Mapping[str, Any]) -> None:
    known = [one.name for one in fields(TrainSettings)]
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, 1)
            raise InvalidInput(_where(name), "no such setting", f"did you mean {near[0]}?" if near else "")


def _where(name: str) -> str:
    return f"training setting {name}"
