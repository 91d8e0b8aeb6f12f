"""Encoders across the border: ours as `Embeddings` of langchain-core, and any `Embeddings` as an encoder of ours."""

import hashlib
from typing import Any, Literal

import numpy as np
from langchain_core.embeddings import Embeddings

from spaniel.models.card import ModelCard
from spaniel.models.encoders.base import Encoded, Encoder
from spaniel.models.encoders.open import open_encoder
from spaniel.retrieval.errors import InvalidInput, ModelError

__all__ = ["EmbeddingsEncoder", "SpanielEmbeddings"]


class SpanielEmbeddings(Embeddings):
    """An encoder of ours, such as all-MiniLM-L6-v2 on ONNX Runtime without torch. Safe to use from several threads.

    Args:
        model: as `open_encoder` takes it (a short name, a folder, owner/name, a URL), or an open `Encoder`, which stays
            its owner's.
        options: of `open_encoder`, such as precision="int8".

    Raises:
        InvalidInput, ModelError, MissingExtra: the model cannot be opened.
    """

    def __init__(self, model: str | Encoder = "minilm", **options: Any) -> None:
        self._own = not isinstance(model, Encoder)
        self.encoder = model if isinstance(model, Encoder) else open_encoder(model, **options)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """A vector for each text, with the model's prompt for passages."""
        return self._vectors(texts, "passage")

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question, with the model's prompt for queries."""
        return self._vectors([text], "query")[0]

    def close(self) -> None:
        """Give the model back, where it was opened here."""
        if self._own:
            self.encoder.close()

    def _vectors(self, texts: list[str], kind: Literal["query", "passage"]) -> list[list[float]]:
        vectors: list[list[float]] = self.encoder.encode(texts, kind=kind).tolist()
        return vectors


class EmbeddingsEncoder(Encoder):
    """Any `Embeddings` as an encoder, so that an index can hold its vectors, brought to length 1.

    Nobody can hash such a model: what tells two apart in an index's manifest are the class, its `model` or `model_name`
    and the dimension. Encoding one word finds the dimension when it is made.

    Raises:
        InvalidInput: something that is no `Embeddings`.
        ModelError: it fails, or gives no vector of finite numbers.
    """

    def __init__(self, embeddings: Embeddings) -> None:
        if not isinstance(embeddings, Embeddings):
            raise InvalidInput("embedding", f"{type(embeddings).__name__} is no Embeddings of langchain-core")
        self._embeddings = embeddings
        model = getattr(embeddings, "model", None) or getattr(embeddings, "model_name", None)
        name = type(embeddings).__name__ + (f" {model}" if isinstance(model, str) else "")
        dimension = self._asked(["dimension"], "query").shape[1]
        told = hashlib.sha256(f"langchain {name}".encode()).hexdigest()
        super().__init__(ModelCard(name, "", "vectors", told, dimension))

    def _encoded(self, texts: list[str], kind: Literal["query", "passage"]) -> Encoded:
        vectors = self._asked(texts, kind)
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        return Encoded((vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32))

    def _asked(self, texts: list[str], kind: Literal["query", "passage"]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """float32 (n, d) as the model gives them."""
        model = self._embeddings
        try:
            rows = [model.embed_query(each) for each in texts] if kind == "query" else model.embed_documents(texts)
            vectors = np.asarray(rows, dtype=np.float32)
        except Exception as error:
            raise ModelError(f"{type(model).__name__}: {type(error).__name__}: {str(error)[:300]}") from error
        if vectors.ndim != 2 or len(vectors) != len(texts) or not vectors.shape[1] or not np.isfinite(vectors).all():
            raise ModelError(
                f"{type(model).__name__} gave vectors {vectors.shape} for {len(texts)} texts, or not finite"
            )
        return vectors
