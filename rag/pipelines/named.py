"""Pipelines that have a name, for `--pipeline NAME`."""

from pathlib import Path

from spaniel.retrieval.errors import InvalidInput

from .dense_stages import Calibrated, Dense
from .reading import nearest
from .rerank_stages import Reranking
from .spec import IndexSpec, PipelineSpec, read_pipeline
from .stages import Bm25, Likelihood, Rrf

__all__ = ["NAMED", "find_pipeline"]

# Name -> the pipeline and what it is. Parameters are those of the papers or of Anserini; a TOML file takes others.
# Over an index that is there (`--index`), `dense` and `hybrid` search its vectors whatever they are, and `binary` codes
# of any model: what a user compares before and after a change is the search of their own index.
_DESCRIBED: list[tuple[PipelineSpec, str]] = [
    (
        PipelineSpec("bm25", (Bm25(),)),
        "BM25 as Lucene and Anserini have it: k1 0.9, b 0.4, title and text in one field.",
    ),
    (
        PipelineSpec("bm25-multifield", (Bm25(),), IndexSpec("multifield")),
        "The same with title and text as fields of their own, weight 1 each.",
    ),
    (PipelineSpec("bm25-robertson", (Bm25("robertson"),)), "BM25 with Robertson's idf, k1 0.9, b 0.4."),
    (PipelineSpec("bm25-atire", (Bm25("atire"),)), "BM25 as in ATIRE (Trotman et al.), k1 0.9, b 0.4."),
    (
        PipelineSpec("bm25l", (Bm25("bm25l"),)),
        "BM25L (Lv and Zhai), delta 0.5: long passages are not punished as much.",
    ),
    (PipelineSpec("bm25+", (Bm25("bm25+", delta=1.0),)), "BM25+ (Lv and Zhai), delta 1."),
    (PipelineSpec("tf-idf", (Bm25("tfidf"),)), "(1 + ln tf) times idf, no length."),
    (PipelineSpec("ql", (Likelihood(),)), "Query likelihood, Dirichlet smoothing, mu 1000."),
    (PipelineSpec("ql-jm", (Likelihood("jelinek-mercer"),)), "Query likelihood, Jelinek-Mercer smoothing, lambda 0.1."),
    (
        PipelineSpec("rrf", (Rrf((Bm25(), Likelihood())),)),
        "`bm25` and `ql` fused by reciprocal rank; TOML fuses any others.",
    ),
    (
        PipelineSpec("dense", (Dense(),), IndexSpec(dense="minilm", store="float32"), vectors="any"),
        "Vectors of all-MiniLM-L6-v2, all of them as float32: 1,536 bytes a passage, compared one by one.",
    ),
    (
        PipelineSpec("binary", (Dense(name="binary"),), IndexSpec(dense="minilm", store="binary"), vectors="kind"),
        "The same in 50 bytes a passage (learned codes), the best 100 scored again from int8 on disk.",
    ),
    (
        PipelineSpec(
            "hybrid",
            (Calibrated((Bm25(depth=200), Dense(depth=200, candidates=400)), name="hybrid"),),
            IndexSpec(dense="minilm"),
            vectors="any",
        ),
        "`bm25` and `binary` side by side, 200 of each, fused by calibrated scores with equal weights.",
    ),
    (
        PipelineSpec("bm25-cosine", (Bm25(depth=100), Reranking("cosine:minilm", name="cosine"))),
        "The first 100 of `bm25`, reranked by all-MiniLM-L6-v2: the question's vector against each passage's.",
    ),
]

NAMED: dict[str, tuple[PipelineSpec, str]] = {spec.name: (spec, what) for spec, what in _DESCRIBED}


def find_pipeline(name: str) -> PipelineSpec:
    """The pipeline of this name, or out of this file (what ends in `.toml`).

    Raises:
        InvalidInput: there is none of this name (the nearest are named), or the file is no pipeline.
    """
    if name.endswith(".toml"):
        return read_pipeline(name)
    if name in NAMED:
        return NAMED[name][0]
    hint = "write it into a file whose name ends in .toml" if Path(name).is_file() else "see `spaniel eval pipelines`"
    raise InvalidInput("--pipeline", f"no pipeline is called {name!r}; {nearest(name, NAMED)}", hint=hint)
