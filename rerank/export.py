"""A cross-encoder as ONNX graphs: `spaniel rerank export`.

The folder that comes out is that of the model with graphs in place of its weights, and `spaniel.json` with the sha256
of every file and what the gate of int8 measured (`models/graph/export.py`, `models/pair_ranking.py`). torch takes no
part.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from spaniel.models.graph.config import read_config
from spaniel.models.graph.export import Exported, export
from spaniel.models.pair_ranking import JudgedQuery, PairGate
from spaniel.retrieval.errors import MissingExtra, ModelError

from .cross_encoders.open import open_pair_model

__all__ = ["export_cross_encoder"]


def export_cross_encoder(
    directory: str | Path,
    out: str | Path,
    *,
    int8: bool = False,
    max_length: int | None = None,
    judged: Sequence[JudgedQuery] = (),
    gate: PairGate | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Exported:
    """Write the cross-encoder in `directory` as ONNX into the folder `out`, which `open_pair_model` opens.

    Args:
        directory: in hub format: config.json with one label, tokenizer.json, model.safetensors.
        out: made, whole or not at all; an export of the same model with the same options, checked by the same
            judgements, is left as it is if its int8 passes `gate`.
        int8: write model.int8.onnx beside model.onnx, if it passes the gate.
        max_length: tokens of a pair for whoever opens the export, instead of what the model's files say.
        judged: queries with judgements, by which int8 is checked besides the built-in sample.
        gate: what int8 has to reach; the defaults when None. Its `judged` are replaced.
        on_progress: called with what is being done.

    Raises:
        ModelError: the model is no cross-encoder of one label, cannot be exported, or scores no pair afterwards; or
            int8 is too far from fp32.
        InvalidInput: `out` is there and something else, or `max_length` cannot be.
        MissingExtra: onnx, or for int8 onnxruntime, is not installed.

    Cost: for 23 million weights a second, with int8 ten, which grow with the model's size.
    """
    labels = read_config(Path(directory)).labels
    if labels != 1:
        raise ModelError(f"{directory}: config.json has {labels} labels; a reranker has one")
    return export(
        directory,
        out,
        head="classify",
        precision="both" if int8 else "fp32",
        pairs=replace(gate or PairGate(), judged=tuple(judged)),
        max_length=max_length,
        check=_check_opens,
        on_progress=on_progress,
    )


def _check_opens(folder: Path) -> None:
    """Score a pair with what was written, where ONNX Runtime is installed: a tokenizer that cannot be read, or a model
    that gives NaN, is found out here and not by whoever opens the folder.
    """
    with TemporaryDirectory() as cache, suppress(MissingExtra):
        model = open_pair_model(str(folder), cache=cache, offline=True)
        try:
            model.logits(model.tokenised("a query", ["a passage"]))
        finally:
            model.close()
