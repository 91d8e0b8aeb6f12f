"""Names of measures, as ir_measures writes them: `nDCG@10`, `AP(rel=2)@100`, `nDCG(dcg='exp-log2')@10`.

A name is `Measure`, then optional parameters in brackets, then an optional cutoff (MacAvaney, Macdonald and Ounis, ECIR
2022). Parsed here, without ir_measures, so that the common measures need nothing but NumPy; what is not among the
`FAST` ones is handed to ir_measures (`external.py`).
"""

import ast
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spaniel.retrieval.errors import InvalidInput

__all__ = ["FAST", "Measure", "is_share", "parse", "unknown"]

# Measure -> parameters the fast path takes; a cutoff is "required", "optional" or "none".
FAST: Mapping[str, tuple[frozenset[str], str]] = {
    "nDCG": (frozenset({"dcg", "gains", "judged_only"}), "optional"),
    "AP": (frozenset({"rel", "judged_only"}), "optional"),
    "RR": (frozenset({"rel", "judged_only"}), "optional"),
    "R": (frozenset({"rel", "judged_only"}), "required"),
    "P": (frozenset({"rel", "judged_only"}), "required"),
    "Success": (frozenset({"rel", "judged_only"}), "required"),
    "Rprec": (frozenset({"rel", "judged_only"}), "none"),
    "Judged": (frozenset(), "optional"),
}

# Measures of ir_measures whose every value lies between 0 and 1, as those of the fast ones do.
# fmt: off
_SHARES = {
    "Accuracy", "BPref", "Bpref", "Compat", "ERR", "IPrec", "infAP", "RBP", "SetAP", "SetF", "SetP", "SetR", "StRecall",
    "alpha_nDCG", "nERR_IA", "nNRBP", "AP_IA", "MAP_IA", "P_IA",
}
# fmt: on

ANSWER_MEASURES = (
    "F1", "EM", "contains", "answered", "citation-P", "citation-R", "spans", "context-R", "answer-in-context",
)  # fmt: skip
"""Of answers rather than rankings, in the order of reports; what each means stands in `answering/measures.py`."""

_ALIASES = {"NDCG": "nDCG", "MAP": "AP", "MRR": "RR", "Recall": "R", "Precision": "P", "RPrec": "Rprec"}

# What ir_measures 0.4 adds, so that a misspelt name is recognised without it.
# fmt: off
_OTHERS = [
    "Accuracy", "BPM", "BPref", "Bpref", "Compat", "ERR", "ERR_IA", "nERR_IA", "INSQ", "INST", "IPrec", "infAP",
    "NERR8", "NERR9", "NERR10", "NERR11", "NRBP", "nNRBP", "NumQ", "NumRel", "NumRelRet", "NumRet", "P_IA", "AP_IA",
    "MAP_IA", "RBP", "SDCG", "SetAP", "SetF", "SetP", "SetR", "SetRelP", "StRecall", "alpha_DCG", "alpha_nDCG",
]
# fmt: on

# Never what a misspelt name means: they need parameters, and packages that few have.
_UNLIKELY = {"BPM", "INSQ", "INST", "NERR8", "NERR9", "NERR10", "NERR11", "SDCG", "nERR_IA", "ERR_IA"}

_TREC_EVAL = {"ndcg_cut": "nDCG", "map_cut": "AP", "recall": "R", "P": "P", "success": "Success"}
_TREC_EVAL_WHOLE = {"ndcg": "nDCG", "map": "AP", "recip_rank": "RR", "bpref": "Bpref"}


@dataclass(frozen=True, slots=True)
class Measure:
    """One parsed name.

    Attributes:
        text: the name as it was written; results stand under it.
        name: the measure's canonical name ("nDCG" for "NDCG").
        params: what stood in the brackets.
        at: what stood behind the @; None without.
    """

    text: str
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    at: int | float | None = None

    @property
    def cutoff(self) -> int | None:
        """Ranks that count, of a fast measure; None for all."""
        return None if self.at is None else int(self.at)

    @property
    def is_fast(self) -> bool:
        """Whether the NumPy path computes it."""
        return self.name in FAST


def parse(text: str) -> Measure:
    """The measure a name means.

    Raises:
        InvalidInput: no such form; a fast measure with parameters or a cutoff it does not have. Whether ir_measures
            knows any other name is its own affair, see `unknown`.

    Example:
        >>> parse("AP(rel=2)@100")
        Measure(text='AP(rel=2)@100', name='AP', params={'rel': 2}, at=100)
    """
    if not isinstance(text, str):
        raise InvalidInput("measure", f"{text!r} is {type(text).__name__}; write the name as text, such as 'nDCG@10'")
    try:
        node = ast.parse(text.strip(), mode="eval").body
        at = None
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            at, node = ast.literal_eval(node.right), node.left
        params: dict[str, Any] = {}
        if isinstance(node, ast.Call) and not node.args:
            params, node = {str(k.arg): ast.literal_eval(k.value) for k in node.keywords}, node.func
        if not isinstance(node, ast.Name):
            raise ValueError("no name")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InvalidInput(
            "measure",
            f"{text[:80]!r} is no measure",
            hint="write Name, Name@10 or Name(rel=2)@10, such as 'nDCG@10'",
        ) from None
    measure = Measure(text.strip(), _ALIASES.get(node.id, node.id), params, at)
    if measure.is_fast:
        _check(measure)
    elif measure.name not in _OTHERS and (meant := _meant(measure.text, [])):
        raise unknown(measure, [], meant)
    return measure


def is_share(text: str) -> bool:
    """Whether every value of the measure lies between 0 and 1; False when nobody knows.

    Example:
        >>> is_share("nDCG@10"), is_share("NumRet")
        (True, False)
    """
    if text in ANSWER_MEASURES:
        return True
    try:
        measure = parse(text)
    except InvalidInput:
        return False
    return measure.is_fast or measure.name in _SHARES


def _check(measure: Measure) -> None:
    """Parameters and cutoff are ones the measure has."""
    allowed, cutoff = FAST[measure.name]
    if extra := sorted(measure.params.keys() - allowed):
        raise InvalidInput(
            "measure",
            f"{measure.text!r}: {measure.name} has no parameter {extra[0]!r}",
            hint=f"it has {', '.join(sorted(allowed)) or 'none'}",
        )
    if measure.at is None and cutoff == "required":
        raise InvalidInput("measure", f"{measure.text!r} needs a cutoff", hint=f"such as '{measure.text}@10'")
    if measure.at is not None and cutoff == "none":
        raise InvalidInput("measure", f"{measure.text!r}: {measure.name} takes no cutoff", hint=f"'{measure.name}'")
    if measure.at is not None and (type(measure.at) is not int or measure.at < 1):
        raise InvalidInput("measure", f"{measure.text!r}: the cutoff must be a whole number from 1")
    _check_params(measure)


def _check_params(measure: Measure) -> None:
    """Their values are of the right kind."""
    gains = measure.params.get("gains", {})
    kinds = {
        "rel": type(measure.params.get("rel", 1)) is int,
        "judged_only": isinstance(measure.params.get("judged_only", False), bool),
        "dcg": measure.params.get("dcg", "log2") in ("log2", "exp-log2"),
        "gains": isinstance(gains, dict) and all(type(g) is int for pair in gains.items() for g in pair),
    }
    if wrong := [name for name, right in kinds.items() if not right]:
        expected = {
            "rel": "a whole number",
            "judged_only": "True or False",
            "dcg": "'log2' or 'exp-log2'",
            "gains": "{grade: gain, ...} of whole numbers",
        }
        raise InvalidInput(
            "measure",
            f"{measure.text!r}: {wrong[0]} is {measure.params[wrong[0]]!r}; it must be {expected[wrong[0]]}",
        )


def unknown(measure: Measure, known: Iterable[str], meant: str = "") -> InvalidInput:
    """The error for a name that nobody knows, with the nearest one that somebody does."""
    meant = meant or _meant(measure.text, known)
    hint = f"did you mean {meant!r}?" if meant else f"known are {', '.join([*FAST, 'and those of ir_measures'])}"
    return InvalidInput("measure", f"no measure is called {measure.text!r}", hint=hint)


def _meant(text: str, known: Iterable[str]) -> str:
    """The name that was probably meant, with its cutoff; "" when nothing is near."""
    if text in _TREC_EVAL_WHOLE:
        return _TREC_EVAL_WHOLE[text]
    if found := re.fullmatch(r"(\w+?)_(\d+)", text):
        base, cutoff = found.groups()
        base = _TREC_EVAL.get(base) or _TREC_EVAL.get(base.lower()) or _meant(base, known)
        if base:
            return base if FAST.get(base, ((), ""))[1] == "none" else f"{base}@{cutoff}"
    name, *rest = re.split(r"(?=[(@])", text, maxsplit=1)
    lower = {n.lower(): n for n in [*known, *_OTHERS, *_ALIASES, *FAST]}
    likely = [n for n in lower if n == name.lower() or lower[n] not in _UNLIKELY]
    near = difflib.get_close_matches(name.lower(), likely, n=1, cutoff=0.6)
    if not near:
        return ""
    canonical = lower[near[0]]
    return _ALIASES.get(canonical, canonical) + "".join(rest)
