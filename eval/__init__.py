"""Evaluation: collections, runs, measures, statistics, reports, gates.

Names are loaded when they are first used, so that `import spaniel.eval` costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .collections import Collection as Collection
    from .collections import CollectionInfo as CollectionInfo
    from .collections import Published as Published
    from .collections import collection as collection
    from .compare import Comparison as Comparison
    from .compare import compare_folders as compare_folders
    from .compare import compare_runs as compare_runs
    from .evaluation import Evaluation as Evaluation
    from .evaluation import evaluate as evaluate
    from .gate import Verdict as Verdict
    from .macro import macro_results as macro_results
    from .measures import Scores as Scores
    from .measures import score as score
    from .measures import score_file as score_file
    from .measures import score_lists as score_lists
    from .outcome import Outcome as Outcome
    from .outcome import System as System
    from .qrels import Qrels as Qrels
    from .report.write import write_report as write_report
    from .results_reader import read_results as read_results
    from .run import Run as Run
    from .run import StageColumns as StageColumns
    from .statistics.bayes import clustered_interval as clustered_interval
    from .statistics.bayes import independent_difference as independent_difference
    from .statistics.bayes import paired_binary as paired_binary
    from .statistics.binary import beta_interval as beta_interval
    from .statistics.binary import clopper_pearson as clopper_pearson
    from .statistics.binary import wilson_interval as wilson_interval
    from .statistics.intervals import macro_mean as macro_mean
    from .statistics.intervals import mean_interval as mean_interval
    from .statistics.multiple import holm as holm
    from .statistics.multiple import max_t as max_t
    from .statistics.paired import macro_difference as macro_difference
    from .statistics.paired import minimum_detectable_effect as minimum_detectable_effect
    from .statistics.paired import paired_difference as paired_difference
    from .statistics.values import BinaryDifference as BinaryDifference
    from .statistics.values import Interval as Interval
    from .statistics.values import Paired as Paired

# Public name -> module of this folder.
_HOME = {
    "BinaryDifference": "statistics.values",
    "Collection": "collections",
    "CollectionInfo": "collections",
    "Comparison": "compare",
    "Evaluation": "evaluation",
    "Interval": "statistics.values",
    "Outcome": "outcome",
    "Paired": "statistics.values",
    "Published": "collections",
    "Qrels": "qrels",
    "Run": "run",
    "Scores": "measures",
    "StageColumns": "run",
    "System": "outcome",
    "Verdict": "gate",
    "beta_interval": "statistics.binary",
    "clopper_pearson": "statistics.binary",
    "clustered_interval": "statistics.bayes",
    "collection": "collections",
    "compare_folders": "compare",
    "compare_runs": "compare",
    "evaluate": "evaluation",
    "holm": "statistics.multiple",
    "independent_difference": "statistics.bayes",
    "macro_difference": "statistics.paired",
    "macro_mean": "statistics.intervals",
    "macro_results": "macro",
    "max_t": "statistics.multiple",
    "mean_interval": "statistics.intervals",
    "minimum_detectable_effect": "statistics.paired",
    "paired_binary": "statistics.bayes",
    "paired_difference": "statistics.paired",
    "read_results": "results_reader",
    "score": "measures",
    "wilson_interval": "statistics.binary",
    "write_report": "report.write",
    "score_file": "measures",
    "score_lists": "measures",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name not in _HOME:
        raise AttributeError(f"module 'spaniel.eval' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"spaniel.eval.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
