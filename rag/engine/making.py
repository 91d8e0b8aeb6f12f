"""The parts of an engine that a file describes, made over an open index."""

from typing import TYPE_CHECKING

from spaniel.models.counting import token_counter
from spaniel.rag.pipelines.rerank_stages import rerankers_of
from spaniel.retrieval.closing import Closing

from .generator_specs import ExtractiveSpec
from .parts import Parts, default_pipeline
from .spec import EngineSpec

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["owned_by", "parts_of"]

_DEPTH = 200


def parts_of(index: "Index", spec: EngineSpec, before: Parts | None = None) -> Parts:
    """The parts; sources search 200 deep unless they say otherwise.

    Args:
        before: parts of the same file over an earlier generation, whose policies go on learning, and whose generator
            goes on counting.

    Raises:
        InvalidInput: the file does not fit the index.
        ModelError, MissingExtra: a model that it names cannot be opened.
    """
    pipeline = default_pipeline(index) if spec.pipeline is None else spec.pipeline.make(index, depth=_DEPTH)
    of_index = before is None or isinstance(spec.generator, ExtractiveSpec)
    generator = spec.generator.make(index) if before is None or of_index else before.generator
    chat = getattr(generator, "chat", None)
    return Parts(
        pipeline,
        generator,
        spec.packer,
        token_counter(spec.answer.counter),
        index.passages,
        router=None if spec.route is None else spec.route.make(index, pipeline, before and before.router),
        rewriter=None if spec.rewrite is None else spec.rewrite.make(index, before and before.rewriter, chat=chat),
        fallback=ExtractiveSpec().make(index) if spec.answer.fallback else None,
        limits=spec.answer.limits,
    )


def owned_by(parts: Parts) -> list[Closing]:
    """What of the parts of a file is to be closed with its engine."""
    logs = [getattr(each, "log", None) for each in (parts.router, parts.rewriter)]
    return [part for part in (parts.generator, *rerankers_of(parts.pipeline), *logs) if isinstance(part, Closing)]
