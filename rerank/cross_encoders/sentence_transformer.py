"""A cross-encoder on torch, by sentence-transformers: any sequence classifier that it loads, at the price of torch.

Only weights in safetensors are read and no code of a model is run: `trust_remote_code` stays off, whatever the folder
asks for. Its own tokenizer makes the pairs; scores are the classifier's logits, without the activation that
`CrossEncoder.predict` puts on them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spaniel.models.encoders.sentence_transformer import load_local
from spaniel.models.pair_tokens import Pair
from spaniel.models.text import clean
from spaniel.retrieval.errors import ModelError, require
from spaniel.retrieval.types import JSON

from .onnx import checked, padded

__all__ = ["TorchPairModel", "load_cross_encoder"]

_CHUNK = 1024  # pairs tokenised at once


class TorchPairModel:
    """See `base.PairModel`. Threads are torch's own; calls from several threads take turns.

    Args:
        name, sha256, info: see `PairModel`.
        model: from `load_cross_encoder`.
        max_length: tokens of a pair.
    """

    def __init__(self, model: Any, name: str, sha256: str, info: Mapping[str, JSON], *, max_length: int) -> None:
        self.name, self.sha256, self.info, self.max_length = name, sha256, info, max_length
        self._model, self._one_at_a_time = model, Lock()
        self._torch: Any = require("torch", extra="torch")

    def tokenised(self, query: str, passages: Sequence[str], *, max_passage_tokens: int | None = None) -> list[Pair]:
        """See `PairModel.tokenised`. A passage is cut to `max_passage_tokens` after the pair is to `max_length`."""
        query, texts = clean(query), [clean(passage) for passage in passages]
        found: list[Pair] = []
        with self._one_at_a_time:  # a tokenizer of transformers may not be shared: it keeps how it is to cut
            for start in range(0, len(texts), _CHUNK):
                found += self._chunk(query, texts[start : start + _CHUNK], max_passage_tokens)
        return found

    def logits(self, pairs: Sequence[Pair]) -> NDArray[np.float32]:
        """See `PairModel.logits`."""
        if not pairs:
            return np.zeros(0, np.float32)
        if self._model is None:
            raise ModelError(f"{self.name}: closed")
        with self._one_at_a_time, self._torch.inference_mode():
            tokenizer, classifier = self._model.tokenizer, self._model.model
            names = [name for name in tokenizer.model_input_names if name != "position_ids"]
            fed = padded(pairs, tokenizer.pad_token_id or 0, names)
            try:
                tensors = {name: self._torch.from_numpy(rows).to(classifier.device) for name, rows in fed.items()}
                made = classifier(**tensors).logits.float().cpu().numpy()
            except RuntimeError as error:
                raise ModelError(f"{self.name}: torch failed on {len(pairs)} pairs ({error})") from error
        return checked(np.asarray(made, np.float32), pairs, self.name)

    def close(self) -> None:
        """Let the model go."""
        self._model = None

    def _chunk(self, query: str, texts: Sequence[str], most: int | None) -> list[Pair]:
        if self._model is None:
            raise ModelError(f"{self.name}: closed")
        made = self._model.tokenizer([query] * len(texts), list(texts), truncation=True, max_length=self.max_length)
        types = made.get("token_type_ids")
        pairs = []
        for i, ids in enumerate(made["input_ids"]):
            kinds = np.zeros(len(ids), np.int64) if types is None else np.array(types[i], np.int64)
            query_cut, passage_cut = (
                _cuts(made.encodings[i]) if made.encodings else (False, len(ids) >= self.max_length)
            )
            pair = Pair(np.array(ids, np.int64), kinds, passage_cut, query_cut)
            pairs.append(pair if most is None else _shortened(pair, made.sequence_ids(i), most))
        return pairs


def _cuts(encoding: Any) -> tuple[bool, bool]:
    """Whether the query was cut, and whether the passage was: what was left out has letters behind the last kept."""
    ends = [0, 0]
    for text, (_, end) in zip(encoding.sequence_ids, encoding.offsets, strict=True):
        if text is not None:
            ends[text] = max(ends[text], end)
    cut = {
        text
        for rest in encoding.overflowing
        for text, (_, end) in zip(rest.sequence_ids, rest.offsets, strict=True)
        if text is not None and end > ends[text]
    }
    return 0 in cut, 1 in cut


def _shortened(pair: Pair, texts: Sequence[int | None], most: int) -> Pair:
    """The pair with the first tokens of its passage alone; `texts` says of which text each token is."""
    behind = [place for place, text in enumerate(texts) if text == 1][most:]
    cut = pair.passage_cut or bool(behind)
    return Pair(np.delete(pair.ids, behind), np.delete(pair.types, behind), cut, pair.query_cut)


def load_cross_encoder(folder: Path, *, device: str = "cpu") -> Any:
    """A sentence_transformers.CrossEncoder from a folder.

    Raises:
        MissingExtra: sentence-transformers is not installed.
        ModelError: it cannot load the folder; the model gives several numbers a pair, or is no classifier.
    """
    model = load_local("CrossEncoder", folder, device)
    config = getattr(model.model, "config", None)
    if getattr(config, "num_labels", 0) != 1:
        raise ModelError(f"{folder}: gives {getattr(config, 'num_labels', 'no')} numbers a pair; a reranker gives one")
    return model
