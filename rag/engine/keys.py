"""What decides an answer, as one key: whatever is not in it must not change what is said.

index and its generation, pipeline, cut-off, packer, generator, fallback, counter, limits, the form of prompts; the
question, its history, filter and excluded passages; the route and the queries that policies chose for it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from spaniel.eval.fingerprint import code_fingerprint
from spaniel.index.where import parse
from spaniel.rag.pipelines.models import query_models_in
from spaniel.rag.prompting import rendered
from spaniel.retrieval.composition import name_of
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline
from spaniel.retrieval.policies.decision import Decision
from spaniel.retrieval.prompt import Excerpt, Prompt
from spaniel.retrieval.types import JSON, Passage, Query

from .parts import Asked, Parts

__all__ = ["answer_key", "definition_of", "identity_of"]


def identity_of(part: object) -> str | None:
    """What a part is, equal only for parts that do the same; None when it does not say.

    It says so by an attribute `identity`, or by being a dataclass whose fields show in its repr, or a function of a
    module.

    Example:
        >>> from spaniel.rag.packing.top_k import TopK
        >>> identity_of(TopK()), identity_of(object())
        ("TopK(full='cut', max_passages=None, order='best')", None)
    """
    said = getattr(part, "identity", None)
    if isinstance(said, str) and said:
        return f"{type(part).__qualname__}:{said}"
    if part is None or (is_dataclass(part) and " at 0x" not in repr(part)):
        return repr(part)
    name = getattr(part, "__qualname__", "<")
    return None if "<" in name else f"{getattr(part, '__module__', '')}.{name}"


def definition_of(parts: Parts, known: Mapping[str, JSON], vouched: str) -> dict[str, JSON]:
    """What an engine's answers depend on, beside index and question.

    Args:
        known: role -> what whoever made the engine knows of a part: its table in a file, or that it is the default.
        vouched: by which the caller vouches for the parts that do not say what they are.

    Raises:
        InvalidInput: a part does not say what it is, and nobody vouches for it.
    """
    roles: dict[str, object] = {
        "pipeline": parts.pipeline,
        "generator": parts.generator,
        "packer": parts.packer,
        "counter": parts.count,
        "cutoff": parts.cutoff,
        "fallback": parts.fallback,
        "router": parts.router,
        "rewriter": parts.rewriter,
    }
    found: dict[str, JSON] = {
        "release": _release(),
        "version": vouched,
        "limits": asdict(parts.limits),
        "prompt": _form(),
    }
    for role, part in roles.items():
        what = known[role] if role in known else identity_of(part)
        if what is None and not vouched:
            raise InvalidInput(
                "cache",
                f"{role} ({name_of(part)}) does not say what it is, so its answers cannot be told from another's",
                hint="vouch for it with version=, make the engine from a file, or give the part an `identity`",
            )
        found[role] = name_of(part) if what is None else what
    found["stages"] = [*_stages(parts.pipeline, vouched)]
    arms = getattr(parts.router, "arms", {})
    found["query_models"] = query_models_in(*parts.searching)
    found["arms"] = {name: [*_stages(each, vouched)] for name, each in arms.items() if isinstance(each, Pipeline)}
    return found


def answer_key(
    definition: Mapping[str, JSON],
    index: str,
    asked: Asked,
    queries: Sequence[Query],
    decisions: Mapping[str, Decision],
) -> str:
    """The key, a SHA-256 in hexadecimal digits.

    Args:
        index: its identity, which changes with every generation.

    Raises:
        InvalidQuery: a filter that cannot be run.
    """
    told: dict[str, Any] = {
        "definition": definition,
        "index": index,
        "question": asked.question,
        "k": asked.k,
        "history": [[turn.role, turn.text] for turn in asked.history],
        "where": None if asked.where is None else repr(parse(asked.where)),
        "exclude": sorted(map(int, asked.exclude or ())),
        "queries": [[query.text, sorted((query.weights or {}).items()), _vector(query)] for query in queries],
        "arms": {name: decision.arm for name, decision in decisions.items()},
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _vector(query: Query) -> str:
    """Its vector in a few digits; empty for none."""
    return "" if query.vector is None else hashlib.sha256(query.vector.tobytes()).hexdigest()


def _release() -> str:
    """Changes with our own code and fitted numbers: with the version, and in an editable checkout with any file."""
    return f"{version('spaniel')} {code_fingerprint('retrieval', 'models', 'index', 'rerank', 'rag')}"


def _stages(pipeline: Pipeline, vouched: str) -> list[JSON]:
    """What later stages have read from files: models' hashes, fitted numbers."""
    found: list[JSON] = []
    for stage in pipeline.stages:
        what = identity_of(getattr(stage, "judge", None) or stage)
        if what is None and not vouched:
            raise InvalidInput("cache", f"the stage {name_of(stage)} does not say what it is", hint="give a version=")
        found.append(what if what is not None else name_of(stage))
    return found


@cache
def _form() -> str:
    """Changes with the words and the form of prompts."""
    passage = Passage("p", "d", 0, 1, "x", title="t")
    shown = rendered(Prompt("q", (Excerpt.whole(passage),), nonce="c0ffee"))
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:16]
