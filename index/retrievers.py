"""The retrievers that an open index makes: by words, by vectors, by both.

Each is made over the segments of one generation, and goes on showing that generation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spaniel.models.encoders.base import Encoder
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.pipeline import Pipeline

from .analysis import Analyzer
from .dense.of_index import Device, OpenEncoders, QueryModel, chosen_name, dense_retriever
from .dense.retriever import DenseRetriever
from .segments import Segments
from .settings import IndexSettings
from .sparse.likelihood import Likelihood, LikelihoodRetriever, Smoothing
from .sparse.retriever import Bm25Retriever
from .sparse.scorers import Method
from .sparse.settings import SparseSettings

if TYPE_CHECKING:
    from .dense.hybrid import Fusion

__all__ = ["Retrievers"]


class Retrievers:
    """The part of `Index` that makes retrievers.

    Attributes:
        path: the index's directory.
        settings: what it was built with.
        passages: its segments, which are the `PassageStore` of every retriever.
    """

    path: Path
    settings: IndexSettings
    passages: Segments
    _analyzer: Analyzer | None
    _encoders: OpenEncoders
    _asking: Mapping[str, QueryModel]
    _closed: bool

    def bm25(
        self,
        k: int = 1000,
        *,
        method: Method | None = None,
        k1: float | None = None,
        b: float | None = None,
        delta: float | None = None,
        threads: int | None = 1,
        schedule: str = "auto",
        alpha: float = 1.0,
        beta: float = 1.0,
        gamma: int = 0,
        mu: float = 1.0,
        eta: float = 1.0,
        block_size: int = 32,
        superblock: int | None = None,
    ) -> Bm25Retriever:
        """A retriever over this index, for batches and pipelines.

        Args:
            k: how many passages it returns when a search does not say.
            method, k1, b, delta: scorer; the index's own where not given. Others are exact too, only slower.
            threads: for batches; None for one a core.
            schedule, alpha, beta, gamma, mu, eta, block_size, superblock: see `sparse/knobs.py`; exact by default.

        Raises:
            InvalidInput: an option out of range, or the index has been closed.
        """
        self._check_open()
        given = {"method": method, "k1": k1, "b": b, "delta": delta}
        changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return Bm25Retriever(
            [segment.sparse for segment in self.passages],
            self._analyzer,
            SparseSettings(self.settings.fields, replace(self.settings.scorer, **changed)),
            depth=k,
            passages=self.passages,
            matching=self.passages.matching,
            threads=threads,
            schedule=schedule,
            alpha=alpha,
            beta=beta,
            gamma=gamma,
            mu=mu,
            eta=eta,
            block_size=block_size,
            superblock=superblock,
        )

    def dense(
        self,
        name: str | None = None,
        k: int = 1000,
        *,
        encoder: Encoder | None = None,
        query_model: QueryModel | None = None,
        candidates: int = 100,
        nprobe: int | None = None,
        ef: int | None = None,
        threads: int | None = 1,
        device: Device = "cpu",
    ) -> DenseRetriever:
        """A retriever over the vectors of a model, for batches and pipelines.

        Args:
            name: of the dense part; the one added first by default.
            k: how many passages it returns when a search does not say.
            encoder: for the queries; by default the model is opened as the index names it, once a query needs it.
            query_model: the same from a folder that `spaniel train` made, opened once; see `dense/asking.py`.
            candidates: how many of the best by estimate are scored again, in stores that estimate.
            nprobe: lists that a query reads, in stores that have lists.
            ef: candidates that a search of a graph keeps.
            threads: for batches; None for one a core.
            device: "cuda" encodes queries on a GPU and searches flat stores there.

        Raises:
            InvalidInput: no such part, an option out of range or without meaning here, or the index has been closed.
            ModelError: the encoder makes other vectors of passages than the model that the index was made with.
            MissingExtra: a package that the store or device needs is not installed.
            IndexCorrupt: the part is damaged.
        """
        self._check_open()
        if encoder is not None and query_model is not None:
            raise InvalidInput("query_model", "give an encoder or a query model, not both")
        if encoder is None and query_model is None:
            query_model = self._asking.get(chosen_name(self.settings.dense, name))
        return dense_retriever(
            self.path,
            self.passages,
            self.settings.dense,
            self._encoders,
            name,
            k,
            analyzer=self.settings.analyzer.name if self.settings.analyzer is not None else None,
            encoder=encoder,
            query_model=query_model,
            candidates=candidates,
            nprobe=nprobe,
            ef=ef,
            threads=threads,
            device=device,
        )

    def likelihood(
        self, k: int = 1000, *, smoothing: Smoothing = "dirichlet", mu: float = 1000.0, lambda_: float = 0.1
    ) -> LikelihoodRetriever:
        """A retriever that ranks by query likelihood; see `sparse/likelihood.py` for the formulas and the cost.

        Args:
            k: how many passages it returns when a search does not say.
            smoothing, mu, lambda_: see `Likelihood`.

        Raises:
            InvalidInput: an option out of range, learned sparse vectors, or the index has been closed.
        """
        self._check_open()
        if self._analyzer is None:
            raise InvalidInput("likelihood", "the index holds learned sparse vectors, which have no counts of words")
        return LikelihoodRetriever(
            [segment.sparse for segment in self.passages],
            self._analyzer,
            SparseSettings(self.settings.fields, self.settings.scorer),
            Likelihood(smoothing, mu, lambda_),
            depth=k,
            passages=self.passages,
            matching=self.passages.matching,
        )

    def hybrid(
        self,
        k: int | None = None,
        *,
        depth: int | None = None,
        dense: str | None = None,
        fusion: "Fusion | None" = None,
        weights: Sequence[float] | None = None,
        threads: int | None = 1,
        encoder: Encoder | None = None,
        query_model: QueryModel | None = None,
        candidates: int | None = None,
        nprobe: int | None = None,
        ef: int | None = None,
        device: Device = "cpu",
    ) -> Pipeline:
        """BM25 and the vectors of a model side by side, fused.

        Args:
            k: how many passages will be asked for, where that is more than 200.
            depth: how many passages each of the two finds; 200, or k where that is more.
            dense: name of the dense part; the one added first by default.
            fusion: "calibrated" (see `retrieval/calibration.py`), "convex" (z-scores), "minmax" or "rrf"; by default
                calibrated, and convex where scores of words have no ceiling (tfidf, learned sparse vectors).
            weights: of BM25 and of vectors; equal by default. `fusion_weights.fit_weights` fits them.
            threads: for batches; None for one a core.
            candidates: how many of the best by estimate are scored again; by default twice what vectors find, for sums
                need scores that can be compared, down to the last.
            encoder, query_model, nprobe, ef, device: see `dense`.

        Raises:
            InvalidInput, ModelError, MissingExtra: as `bm25` and `dense`.
        """
        from .dense.hybrid import hybrid

        searching: dict[str, Any] = {
            "encoder": encoder,
            "query_model": query_model,
            "candidates": candidates,
            "nprobe": nprobe,
            "ef": ef,
            "device": device,
        }
        return hybrid(self, k, depth=depth, dense=dense, fusion=fusion, weights=weights, threads=threads, **searching)

    def _check_open(self) -> None:
        if self._closed:
            raise InvalidInput("index", f"{self.path} has been closed", hint="open it again with spaniel.open(path)")
