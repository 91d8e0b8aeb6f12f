"""Judges by name, for TOML, the command line and who does not want to import each: a closed list of kinds.

cross-encoder:MODEL     a folder, an export, or hub:owner/name; MODEL alone is one too
cosine:MODEL            a bi-encoder, as `open_encoder` takes it: minilm, a folder, hub:owner/name, a URL
llm:URL#MODEL           an OpenAI-compatible endpoint and what it is to run
oracle:NOISE            the judgements themselves: exact, strong, realistic or harsh; the noise is the one found on
                        scifact (binary judgements) or nfcorpus (graded), whichever fits; oracle:NOISE@NAME says which
"""

import difflib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from spaniel.models.hub import UnknownModel
from spaniel.rerank.questions import Kind
from spaniel.retrieval.errors import InvalidInput

from .base import Judge

if TYPE_CHECKING:
    from spaniel.models.session import Provider

__all__ = ["KINDS", "JudgeOptions", "check_judge", "open_judge"]

KINDS = ("cross-encoder", "cosine", "llm", "remote", "oracle")
_SAID = "write cross-encoder:MODEL, cosine:MODEL, llm:URL#MODEL, remote:URL or oracle:NOISE"


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Everything about how a judge is opened; what a kind does not have must stay at its default.

    Attributes:
        precision, provider, max_length: of models that run here; see `open_pair_model`. The latter also of a server's.
        threads: batches at once, or threads of an encoder; what the machine has when None.
        mode: of an LLM: "generation" or "likelihood".
        max_passage_tokens: an LLM sees no more of a passage.
        max_prompt_tokens: nor more of all passages of a call; no bound by default.
        thinking_tokens: what an LLM that reasons first may write beside its answer.
        concurrency: requests under way at once.
        seed: of an oracle's noise.
        cache, offline, on_progress: see `open_pair_model`.
    """

    precision: Literal["fp32", "int8"] = "fp32"
    provider: "Provider" = "cpu"
    max_length: int | None = None
    threads: int | None = None
    mode: Literal["generation", "likelihood"] = "generation"
    max_passage_tokens: int = 300
    max_prompt_tokens: int | None = None
    thinking_tokens: int = 0
    concurrency: int = 8
    seed: int = 0
    cache: str | os.PathLike[str] | None = None
    offline: bool = False
    on_progress: Callable[[str], None] | None = None


_DEFAULTS = JudgeOptions()
_KNOWS: dict[str, tuple[str, ...]] = {
    "cross-encoder": ("precision", "provider", "max_length", "threads"),
    "cosine": ("precision", "max_length", "threads"),
    "llm": ("mode", "max_passage_tokens", "max_prompt_tokens", "thinking_tokens", "concurrency"),
    "remote": ("max_length", "concurrency"),
    "oracle": (),
}
_OF_ALL = ("seed", "cache", "offline", "on_progress")  # a schedule has the seed too


def check_judge(name: str, options: JudgeOptions = _DEFAULTS) -> tuple[str, str]:
    """(kind, what stands behind it) of a judge's name, before anything is opened.

    Raises:
        InvalidInput: a kind that there is not, no model, or an option that this kind of judge does not have.
    """
    if not isinstance(name, str):
        raise InvalidInput("judge", f"is {type(name).__name__}; give the name of one", hint=_SAID)
    kind, colon, rest = name.partition(":")
    if kind not in KINDS:
        _refuse_other(kind if colon else "", name)
        kind, rest = "cross-encoder", name
    if not rest and kind != "oracle":
        raise InvalidInput("judge", f"{name!r} names no model", hint=_SAID)
    if kind == "cross-encoder" and (inner := rest.partition(":")[0]) in KINDS:
        raise InvalidInput("judge", f"{rest!r} is no model but a judge", hint=f"name it as the judge, of kind {inner}")
    for each in fields(options):
        value = getattr(options, each.name)
        if each.name not in (*_KNOWS[kind], *_OF_ALL) and value != each.default:
            has = ", ".join(_KNOWS[kind]) or "none"
            raise InvalidInput("judge", f"{kind} has no {each.name}, which is {value!r} here", hint=f"it has: {has}")
    return kind, rest


def open_judge(
    name: str,
    asks: Kind = "score",
    options: JudgeOptions = _DEFAULTS,
    *,
    qrels: Mapping[str, Mapping[str, float]] | None = None,
) -> Judge:
    """Open a judge by its name; close it when done.

    Args:
        asks: what the schedule asks: an LLM is prompted for pairs or for lists.
        qrels: what an oracle knows: query id -> document id -> grade.

    Raises:
        InvalidInput: see `check_judge`; or an oracle without judgements.
        ModelError, MissingExtra: the model cannot be opened.
    """
    kind, rest = check_judge(name, options)
    if kind == "oracle":
        return _oracle(rest or "exact", options, qrels)
    if kind == "llm":
        return _llm(rest, asks, options)
    if kind == "remote":
        return _remote(rest, options)
    if kind == "cosine":
        return _cosine(rest, options)
    try:
        return _cross_encoder(rest, options)
    except UnknownModel as error:
        if rest == name:  # no kind was named; perhaps one was meant
            error.hint += f"; or {_SAID}"
        raise


def _refuse_other(kind: str, name: str) -> None:
    """`cosin:minilm` is no cross-encoder; `hub:owner/name` and paths are."""
    if kind and kind != "hub" and not Path(name).expanduser().exists():
        near = difflib.get_close_matches(kind, KINDS, n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(KINDS)}"
        raise InvalidInput("judge", f"no kind of judge is called {kind!r}; {meant}", hint=_SAID)


def _cross_encoder(model: str, options: JudgeOptions) -> Judge:
    from spaniel.rerank.cross_encoders.open import open_pair_model

    from .cross_encoder import CrossEncoderJudge

    opened = open_pair_model(
        model,
        precision=options.precision,
        provider=options.provider,
        max_length=options.max_length,
        cache=options.cache,
        offline=options.offline,
        on_progress=options.on_progress,
    )
    judge = CrossEncoderJudge(opened, threads=options.threads)
    judge.identity = f"cross-encoder {opened.sha256} {options.precision} {opened.max_length}"
    return judge


def _cosine(model: str, options: JudgeOptions) -> Judge:
    from spaniel.models.encoders.open import open_encoder

    from .cosine import CosineJudge

    encoder = open_encoder(
        model,
        precision=options.precision,
        max_length=options.max_length,
        threads=options.threads,
        cache=options.cache,
        offline=options.offline,
        on_progress=options.on_progress,
    )
    judge = CosineJudge(encoder)
    judge.name = f"cosine({encoder.card.name})"
    judge.identity = f"cosine {json.dumps(encoder.card.to_json(), sort_keys=True)}"
    return judge


def _llm(model: str, asks: Kind, options: JudgeOptions) -> Judge:
    from spaniel.rerank.llm.open import open_llm_judge

    judge = open_llm_judge(
        model,
        asks,
        mode=options.mode,
        max_passage_tokens=options.max_passage_tokens,
        max_prompt_tokens=options.max_prompt_tokens,
        thinking_tokens=options.thinking_tokens,
        concurrency=options.concurrency,
    )
    room = f"{options.max_passage_tokens} {options.max_prompt_tokens}"
    judge.identity = f"llm {model} {options.mode} {room} {options.thinking_tokens}"
    return judge


def _remote(url: str, options: JudgeOptions) -> Judge:
    """What a server runs, only it knows: the judge has no identity."""
    from spaniel.rerank.client import RerankClient
    from spaniel.rerank.remote import MAX_LENGTH, RemoteJudge

    most = MAX_LENGTH if options.max_length is None else options.max_length
    return RemoteJudge(RerankClient(url), concurrency=options.concurrency, max_length=most)


def _oracle(named: str, options: JudgeOptions, qrels: Mapping[str, Mapping[str, float]] | None) -> Judge:
    from .oracle import OracleJudge, calibrated, settings_for

    if qrels is None:
        raise InvalidInput(
            "judge", "an oracle answers from judgements, and there are none", hint="take --queries from a collection"
        )
    setting, at, found_on = named.partition("@")
    found_on = found_on if at else settings_for(qrels)
    known = calibrated(setting, found_on)
    name = f"oracle-{setting}" if setting == "exact" else f"oracle-{setting}@{found_on}"
    judge = OracleJudge(qrels, known, seed=options.seed, name=name)
    judged = hashlib.sha256(json.dumps(qrels, sort_keys=True).encode()).hexdigest()
    judge.identity = f"oracle {asdict(known)} {options.seed} {judged}"
    return judge
