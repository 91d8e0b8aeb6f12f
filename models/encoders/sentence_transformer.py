"""Encoding by sentence-transformers: any model it can load, at the price of torch.

Only weights in safetensors are read and no code of a model is run: `trust_remote_code` stays off, whatever the folder
asks for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np

from spaniel.models.card import ModelCard
from spaniel.models.tokens import Tokenizer
from spaniel.retrieval.errors import ModelError, require

from .base import Encoded, Encoder, Kind

__all__ = ["SentenceTransformersEncoder", "load", "load_local", "quiet"]

_BATCH = 32


class SentenceTransformersEncoder(Encoder):
    """A model of sentence-transformers.

    Args:
        card: of runtime "sentence-transformers".
        model: from `load`.
        tokenizer: of its tokenizer.json, which counts tokens and cut texts; without one nothing is counted.

    Threads are torch's own (`torch.set_num_threads`); calls from several threads take turns.
    """

    def __init__(self, card: ModelCard, model: Any, tokenizer: Tokenizer | None = None) -> None:
        super().__init__(card)
        if (card.query_prompt or card.passage_prompt) and any(
            getattr(module, "include_prompt", True) is False for module in model
        ):
            raise ModelError(f"{card.name}: its pooling leaves out the prompt, which cannot be done here")
        self._model, self._one_at_a_time = model, Lock()
        self._tokenizer = tokenizer

    def _encoded(self, texts: list[str], kind: Kind) -> Encoded:
        counted = self._tokenizer(texts) if self._tokenizer else None
        with self._one_at_a_time:
            try:
                made = self._model.encode(
                    texts,
                    prompt="",  # base.Encoder has put it there; an empty one keeps the model's default away
                    batch_size=_BATCH,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                    normalize_embeddings=self.card.normalised,
                )
            except RuntimeError as error:
                raise ModelError(f"{self.card.name}: torch failed on {len(texts)} texts ({error})") from error
        calls = -(-len(texts) // _BATCH)
        if counted is None:
            return Encoded(np.asarray(made, np.float32), model_calls=calls)
        lengths = [len(ids) for ids in counted.ids]
        return Encoded(np.asarray(made, np.float32), sum(lengths), counted.truncated, calls, lengths)

    def _lengths(self, texts: list[str]) -> list[int]:
        if self._tokenizer is None:
            return super()._lengths(texts)
        return [len(ids) for ids in self._tokenizer(texts).ids]


def load(folder: Path, *, device: str = "cpu", max_length: int | None = None) -> Any:
    """A SentenceTransformer from a folder, its longest text set; see `load_local`."""
    model = load_local("SentenceTransformer", folder, device)
    if max_length:
        model.max_seq_length = max_length
    return model


def load_local(kind: Literal["SentenceTransformer", "CrossEncoder"], folder: Path, device: str) -> Any:
    """A model of sentence-transformers from a folder: nothing fetched, no code of the folder run, no pickle read.

    Raises:
        MissingExtra: sentence-transformers is not installed.
        ModelError: it cannot load the folder.
    """
    library = require("sentence_transformers", extra="torch")
    try:
        with quiet():
            return getattr(library, kind)(
                str(folder),
                device=device,
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
    except Exception as error:
        raise ModelError(f"{folder}: sentence-transformers cannot load it ({error})") from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without the bars that transformers shows while it reads and writes weights, and its table of those it misses."""
    logging = require("transformers", extra="torch").utils.logging
    shown, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shown:
            logging.enable_progress_bar()
