"""Retrieval and RAG for Python.

    import spaniel as sp

    kb = sp.build("docs/", "kb")
    for hit in kb.search("how do I rotate a key?", k=5):
        print(hit.rank, hit.score, hit.id, hit.text)

Names are loaded when they are first used, so that `import spaniel` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spaniel.eval.collections.load import collection as collection
    from spaniel.eval.evaluation import evaluate as evaluate
    from spaniel.index.build import add as add
    from spaniel.index.build import build as build
    from spaniel.index.build import update as update
    from spaniel.index.check import verify as verify
    from spaniel.index.chunking.settings import ChunkSettings as ChunkSettings
    from spaniel.index.dense.add_dense import add_dense as add_dense
    from spaniel.index.dense.add_dense import drop_dense as drop_dense
    from spaniel.index.dense.settings import StoreSettings as StoreSettings
    from spaniel.index.edit import delete as delete
    from spaniel.index.index import Index as Index
    from spaniel.index.index import open_index as open
    from spaniel.index.optimize import optimize as optimize
    from spaniel.index.query_model import set_query_model as set_query_model
    from spaniel.index.sparse.feedback import TermFeedback as TermFeedback
    from spaniel.index.vectors import add_vectors as add_vectors
    from spaniel.index.vectors import build_vectors as build_vectors
    from spaniel.models.card import ModelCard as ModelCard
    from spaniel.models.encoders.base import Encoder as Encoder
    from spaniel.models.encoders.open import open_encoder as open_encoder
    from spaniel.rag.engine.cache import AnswerCache as AnswerCache
    from spaniel.rag.engine.engine import Engine as Engine
    from spaniel.rag.generators.endpoint import OpenAIGenerator as OpenAI
    from spaniel.rag.generators.extractive.generator import Extractive as Extractive
    from spaniel.rag.generators.langchain import LangChainGenerator as LangChainGenerator
    from spaniel.rag.generators.ledger import Ledger as Ledger
    from spaniel.rag.generators.ledger import Price as Price
    from spaniel.rag.generators.table import make_generator as make_generator
    from spaniel.rag.packing.carrot import Carrot as Carrot
    from spaniel.rag.packing.greedy import Greedy as Greedy
    from spaniel.rag.packing.knapsack import Knapsack as Knapsack
    from spaniel.rag.packing.mmr import MmrPacker as MmrPacker
    from spaniel.rag.packing.sentences import SentencePacker as SentencePacker
    from spaniel.rag.packing.table import make_packer as make_packer
    from spaniel.rag.packing.top_k import TopK as TopK
    from spaniel.rag.routing.context import context_of as context_of
    from spaniel.rag.routing.rewriter import Rewriter as Rewriter
    from spaniel.rag.routing.router import Router as Router
    from spaniel.rag.routing.steps import Several as Several
    from spaniel.rerank import rerank as rerank
    from spaniel.rerank.budget import Budget as Budget
    from spaniel.rerank.cross_encoder import CrossEncoder as CrossEncoder
    from spaniel.rerank.judges.open import open_judge as open_judge
    from spaniel.rerank.remote import RemoteReranker as RemoteReranker
    from spaniel.rerank.reranker import Rerank as Rerank
    from spaniel.retrieval.errors import IndexCorrupt as IndexCorrupt
    from spaniel.retrieval.errors import IndexLocked as IndexLocked
    from spaniel.retrieval.errors import IndexNotFound as IndexNotFound
    from spaniel.retrieval.errors import InvalidInput as InvalidInput
    from spaniel.retrieval.errors import InvalidQuery as InvalidQuery
    from spaniel.retrieval.errors import MissingExtra as MissingExtra
    from spaniel.retrieval.errors import ModelError as ModelError
    from spaniel.retrieval.errors import SpanielError as SpanielError
    from spaniel.retrieval.pipeline import Pipeline as Pipeline
    from spaniel.retrieval.pipeline import fuse as fuse
    from spaniel.retrieval.pipeline import rrf as rrf
    from spaniel.retrieval.policies.adaptive_k import AdaptiveK as AdaptiveK
    from spaniel.retrieval.policies.bandits.budgeted import BudgetedBandit as BudgetedBandit
    from spaniel.retrieval.policies.bandits.log import DecisionLog as DecisionLog
    from spaniel.retrieval.policies.bandits.log import read_log as read_log
    from spaniel.retrieval.policies.bandits.shadow import Shadow as Shadow
    from spaniel.retrieval.policies.bandits.table import make_policy as make_policy
    from spaniel.retrieval.policies.bandits.table import read_policy as read_policy
    from spaniel.retrieval.policies.conformal import ConformalCut as ConformalCut
    from spaniel.retrieval.policies.cumulative import CumulativeProbability as CumulativeProbability
    from spaniel.retrieval.policies.fitting import fit_calibration as fit_calibration
    from spaniel.retrieval.policies.fixed import FixedK as FixedK
    from spaniel.retrieval.policies.priced import PricedCut as PricedCut
    from spaniel.retrieval.policies.threshold import Threshold as Threshold
    from spaniel.retrieval.results import Hit as Hit
    from spaniel.retrieval.results import Results as Results
    from spaniel.retrieval.types import Answer as Answer
    from spaniel.retrieval.types import Citation as Citation
    from spaniel.retrieval.types import Document as Document
    from spaniel.retrieval.types import Passage as Passage
    from spaniel.retrieval.types import Query as Query
    from spaniel.retrieval.types import Ranking as Ranking
    from spaniel.training.train import train as train


# Public name -> module, and `:name` where it is called something else there.
_HOME = {
    "AdaptiveK": "retrieval.policies.adaptive_k",
    "Answer": "retrieval.types",
    "AnswerCache": "rag.engine.cache",
    "Budget": "rerank.budget",
    "BudgetedBandit": "retrieval.policies.bandits.budgeted",
    "Carrot": "rag.packing.carrot",
    "ChunkSettings": "index.chunking.settings",
    "Citation": "retrieval.types",
    "ConformalCut": "retrieval.policies.conformal",
    "CrossEncoder": "rerank.cross_encoder",
    "CumulativeProbability": "retrieval.policies.cumulative",
    "DecisionLog": "retrieval.policies.bandits.log",
    "Document": "retrieval.types",
    "Encoder": "models.encoders.base",
    "Engine": "rag.engine.engine",
    "Extractive": "rag.generators.extractive.generator",
    "FixedK": "retrieval.policies.fixed",
    "Greedy": "rag.packing.greedy",
    "Hit": "retrieval.results",
    "Index": "index.index",
    "IndexCorrupt": "retrieval.errors",
    "IndexLocked": "retrieval.errors",
    "IndexNotFound": "retrieval.errors",
    "InvalidInput": "retrieval.errors",
    "InvalidQuery": "retrieval.errors",
    "Knapsack": "rag.packing.knapsack",
    "LangChainGenerator": "rag.generators.langchain",
    "Ledger": "rag.generators.ledger",
    "MissingExtra": "retrieval.errors",
    "MmrPacker": "rag.packing.mmr",
    "ModelCard": "models.card",
    "ModelError": "retrieval.errors",
    "OpenAI": "rag.generators.endpoint:OpenAIGenerator",
    "Passage": "retrieval.types",
    "Pipeline": "retrieval.pipeline",
    "Price": "rag.generators.ledger",
    "PricedCut": "retrieval.policies.priced",
    "Query": "retrieval.types",
    "Ranking": "retrieval.types",
    "RemoteReranker": "rerank.remote",
    "Rerank": "rerank.reranker",
    "Results": "retrieval.results",
    "Rewriter": "rag.routing.rewriter",
    "Router": "rag.routing.router",
    "SentencePacker": "rag.packing.sentences",
    "Several": "rag.routing.steps",
    "Shadow": "retrieval.policies.bandits.shadow",
    "SpanielError": "retrieval.errors",
    "StoreSettings": "index.dense.settings",
    "TermFeedback": "index.sparse.feedback",
    "Threshold": "retrieval.policies.threshold",
    "TopK": "rag.packing.top_k",
    "add": "index.build",
    "add_dense": "index.dense.add_dense",
    "add_vectors": "index.vectors",
    "build": "index.build",
    "build_vectors": "index.vectors",
    "collection": "eval.collections.load",
    "context_of": "rag.routing.context",
    "delete": "index.edit",
    "drop_dense": "index.dense.add_dense",
    "evaluate": "eval.evaluation",
    "fit_calibration": "retrieval.policies.fitting",
    "fuse": "retrieval.pipeline",
    "make_generator": "rag.generators.table",
    "make_packer": "rag.packing.table",
    "make_policy": "retrieval.policies.bandits.table",
    "open": "index.index:open_index",
    "open_encoder": "models.encoders.open",
    "open_judge": "rerank.judges.open",
    "optimize": "index.optimize",
    "read_log": "retrieval.policies.bandits.log",
    "read_policy": "retrieval.policies.bandits.table",
    "rerank": "rerank",
    "rrf": "retrieval.pipeline",
    "set_query_model": "index.query_model",
    "train": "training.train",
    "update": "index.build",
    "verify": "index.check",
}

__all__ = [
    "AdaptiveK",
    "Answer",
    "AnswerCache",
    "Budget",
    "BudgetedBandit",
    "Carrot",
    "ChunkSettings",
    "Citation",
    "ConformalCut",
    "CrossEncoder",
    "CumulativeProbability",
    "DecisionLog",
    "Document",
    "Encoder",
    "Engine",
    "Extractive",
    "FixedK",
    "Greedy",
    "Hit",
    "Index",
    "IndexCorrupt",
    "IndexLocked",
    "IndexNotFound",
    "InvalidInput",
    "InvalidQuery",
    "Knapsack",
    "LangChainGenerator",
    "Ledger",
    "MissingExtra",
    "MmrPacker",
    "ModelCard",
    "ModelError",
    "OpenAI",
    "Passage",
    "Pipeline",
    "Price",
    "PricedCut",
    "Query",
    "Ranking",
    "RemoteReranker",
    "Rerank",
    "Results",
    "Rewriter",
    "Router",
    "SentencePacker",
    "Several",
    "Shadow",
    "SpanielError",
    "StoreSettings",
    "TermFeedback",
    "Threshold",
    "TopK",
    "add",
    "add_dense",
    "add_vectors",
    "build",
    "build_vectors",
    "collection",
    "context_of",
    "delete",
    "drop_dense",
    "evaluate",
    "fit_calibration",
    "fuse",
    "make_generator",
    "make_packer",
    "make_policy",
    "open",
    "open_encoder",
    "open_judge",
    "optimize",
    "read_log",
    "read_policy",
    "rerank",
    "rrf",
    "set_query_model",
    "train",
    "update",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name == "__version__":
        from importlib.metadata import version

        return version("spaniel")
    if name not in _HOME:
        raise AttributeError(f"module 'spaniel' has no attribute {name!r}")
    module, _, attribute = _HOME[name].partition(":")
    value = getattr(importlib.import_module(f"spaniel.{module}"), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
