"""The parts of an engine that a file describes, made over an open index."""

from typing import TYPE_CHECKING

from spaniel.models.counting import token_counter

from .generator_specs import ExtractiveSpec
from .parts import Parts, default_pipeline
from .spec import EngineSpec

if TYPE_CHECKING:
    from spaniel.index.index import Index

__all__ = ["parts_of"]

_DEPTH = 200


def parts_of(index: "Index", spec: EngineSpec) -> Parts:
    """The parts; sources search 200 deep unless they say otherwise.

    Raises:
        InvalidInput: the file does not fit the index.
        ModelError, MissingExtra: a model that it names cannot be opened.
    """
    pipeline = default_pipeline(index) if spec.pipeline is None else spec.pipeline.make(index, depth=_DEPTH)
    return Parts(
        pipeline,
        spec.generator.make(index),
        spec.packer,
        token_counter(spec.answer.counter),
        index.passages,
        router=None if spec.route is None else spec.route.make(index, pipeline),
        rewriter=None if spec.rewrite is None else spec.rewrite.make(index),
        fallback=ExtractiveSpec().make(index) if spec.answer.fallback else None,
        limits=spec.answer.limits,
    )
