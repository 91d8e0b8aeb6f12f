"""Any pipeline as a search model of MTEB, so that its retrieval tasks can be run on it.

    import mteb
    from spaniel.rag.mteb import MtebSearch

    mteb.evaluate(MtebSearch("bm25"), mteb.get_tasks(tasks=["SciFact"]))

`MtebSearch` plays the role `SearchProtocol` of mteb 2.26 (mteb/models/models_protocols.py), which has two methods, all
of whose arguments but the first are given by name, and the property `mteb_model_meta`. Only the property needs mteb
itself; what else it uses of MTEB are rows with the keys `id`, `title` and `text`, and `task_metadata.eval_langs`.

Left out on purpose: images and sound; downloading; MTEB's own scoring, which this leaves to MTEB. Note that it breaks
ties by itself: scores given to it fall strictly, so that it keeps our order.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spaniel.index.build import build
from spaniel.index.index import Index
from spaniel.retrieval.errors import InvalidInput, require
from spaniel.retrieval.trec import strictly_falling
from spaniel.retrieval.types import JSON, Document, Query

from .pipelines.models import encoder_of
from .pipelines.named import find_pipeline
from .pipelines.spec import PipelineSpec

__all__ = ["MtebSearch"]

# ISO 639-3, as MTEB writes languages, -> our analyser. Others get `standard`: words in lower case.
_ANALYZERS = {
    "eng": "english", "deu": "german", "nld": "dutch", "fra": "french", "spa": "spanish", "por": "portuguese",
    "ita": "italian", "rus": "russian", "swe": "swedish", "nob": "norwegian", "nno": "norwegian", "nor": "norwegian",
    "ara": "arabic", "arb": "arabic", "hye": "armenian", "eus": "basque", "cat": "catalan", "dan": "danish",
    "est": "estonian", "fin": "finnish", "ell": "greek", "hin": "hindi", "hun": "hungarian", "ind": "indonesian",
    "gle": "irish", "lit": "lithuanian", "nep": "nepali", "ron": "romanian", "srp": "serbian", "tam": "tamil",
    "tur": "turkish", "yid": "yiddish", "zho": "cjk", "cmn": "cjk", "jpn": "cjk", "kor": "cjk",
    "tha": "southeast_asian", "lao": "southeast_asian", "khm": "southeast_asian", "mya": "southeast_asian",
}  # fmt: skip
_OTHER = "standard"


class MtebSearch:
    """A pipeline that MTEB can index with and search.

    Args:
        pipeline: a name, a TOML file, or a `PipelineSpec`.
        language: of text analysis; by default the task's language decides.
        folder: where indexes are built; a temporary folder by default. Each task gets a new index.

    Raises:
        InvalidInput: no such pipeline.
    """

    def __init__(
        self, pipeline: str | PipelineSpec = "bm25", *, language: str | None = None, folder: str | Path | None = None
    ) -> None:
        self.spec = find_pipeline(pipeline) if isinstance(pipeline, str) else pipeline
        self._language, self._parent = language, folder
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._index: Index | None = None

    def index(
        self,
        corpus: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        encode_kwargs: Mapping[str, Any],
        num_proc: int | None,
        **kwargs: Any,
    ) -> None:
        """Build an index of the corpus, in place of the one before.

        Args:
            corpus: rows with `id`, `text` and perhaps `title`.
            task_metadata, hf_subset: say which language it is.
            hf_split, encode_kwargs, kwargs: not used.
            num_proc: with two or more, text is analysed while the next is read.
        """
        self.close()
        if self._parent is not None:
            Path(self._parent).mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix="spaniel-mteb-", dir=self._parent)
        language = self.spec.index.language or self._language or _language(task_metadata, hf_subset)
        with encoder_of(self.spec.index) as encoder:
            self._index = build(
                _documents(corpus),
                Path(self._folder.name) / "index",
                language=language,
                fields=self.spec.index.weights,
                threads=min(num_proc or 1, 2),
                dense=encoder,
                store=self.spec.index.kept,
            )

    def search(
        self,
        queries: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        top_k: int,
        encode_kwargs: Mapping[str, Any],
        top_ranked: Mapping[str, list[str]] | None = None,
        num_proc: int | None,
        **kwargs: Any,
    ) -> dict[str, dict[str, float]]:
        """Query id -> document id -> score, the best `top_k`; scores fall strictly.

        Args:
            queries: rows with `id`, `text` and perhaps `instruction`, which follows the text as MTEB has it.
            top_ranked: query id -> the only documents that may come back (MTEB's reranking tasks).

        Raises:
            InvalidInput: nothing has been indexed, or a query whose text is no text.
        """
        if self._index is None:
            raise InvalidInput("MtebSearch", "nothing has been indexed yet", hint="call .index first, as MTEB does")
        pipeline = self.spec.make(self._index, depth=top_k)
        asked = [_query(row) for row in queries]
        if top_ranked is None:
            rankings = pipeline.search(asked, k=top_k)
        else:
            allowed: list[dict[str, JSON]] = [{"id": {"$in": [*top_ranked.get(query.id, [])]}} for query in asked]
            rankings = [
                pipeline.search([query], k=top_k, where=where)[0] for query, where in zip(asked, allowed, strict=True)
            ]
        ordinals = np.unique(np.concatenate([np.zeros(0, np.int32), *(ranking.ids for ranking in rankings)]))
        names = dict(zip(ordinals.tolist(), self._index.passages.doc_ids(ordinals), strict=True))
        return {
            query.id: {
                names[ordinal]: score
                for ordinal, score in zip(ranking.ids.tolist(), strictly_falling(ranking.scores).tolist(), strict=True)
            }
            for query, ranking in zip(asked, rankings, strict=True)
        }

    @property
    def mteb_model_meta(self) -> Any:
        """What MTEB writes into its results.

        Raises:
            MissingExtra: mteb is not installed.
        """
        from importlib.metadata import version

        meta = require("mteb.models.model_meta", extra="mteb").ModelMeta
        nothing = dict.fromkeys(
            ["release_date", "languages", "n_parameters", "memory_usage_mb", "max_tokens", "embed_dim", "license",
             "public_training_code", "public_training_data", "similarity_fn_name", "training_datasets"]
        )  # fmt: skip
        return meta(
            **nothing,
            loader=None,
            name=f"spaniel/{self.spec.name}",
            revision=version("spaniel"),
            open_weights=True,
            framework=[],
            use_instructions=False,
        )

    def close(self) -> None:
        """Close the index and remove it."""
        if self._index is not None:
            self._index.close()
        if self._folder is not None:
            self._folder.cleanup()
        self._index = self._folder = None


def _documents(corpus: Iterable[Mapping[str, Any]]) -> Iterator[Document]:
    for row in corpus:
        yield Document(str(row["id"]), str(row["text"]), str(row.get("title") or ""))


def _query(row: Mapping[str, Any]) -> Query:
    text, id_ = row["text"], str(row["id"])
    if isinstance(text, list):  # a conversation: turns as text, or as {"role", "content"}
        text = "; ".join(turn if isinstance(turn, str) else str(turn["content"]) for turn in text)
    if not isinstance(text, str):
        raise InvalidInput("MtebSearch", f"query {id_!r} is {type(text).__name__}, not text")
    instruction = row.get("instruction")
    return Query(id_, f"{text} {instruction}" if instruction else text)


def _language(task_metadata: Any, hf_subset: str) -> str:
    """The analyser for a task's language; the one for any when it has several."""
    found = task_metadata.eval_langs
    several = found.get(hf_subset, []) if isinstance(found, Mapping) else found
    codes = {str(name).partition("-")[0] for name in several}
    return _ANALYZERS.get(next(iter(codes)), _OTHER) if len(codes) == 1 else _OTHER
