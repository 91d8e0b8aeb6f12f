"""What an answer had in front of it: precision and recall of the context by ids, and whether the answer stands in it.

The ID-based forms need judgements but no model (Es et al., "RAGAS", EACL 2024 demo, names the measures; its own ask a
language model what is relevant).
"""

from collections.abc import Collection, Sequence

from spaniel.retrieval.errors import InvalidInput

from .answers import contains_answer

__all__ = ["answer_in_context", "context_precision", "context_recall"]


def context_precision(context: Sequence[str], relevant: Collection[str]) -> float:
    """Share of the distinct ids of the context that are relevant; 0 for an empty context.

    Example:
        >>> context_precision(["a", "b", "c", "a"], {"a", "z"})
        0.3333333333333333
    """
    distinct = set(context)
    return len(distinct & set(relevant)) / len(distinct) if distinct else 0.0


def context_recall(context: Sequence[str], relevant: Collection[str]) -> float:
    """Share of the relevant ids that stand in the context; 0 where nothing is relevant, as R@k.

    Example:
        >>> context_recall(["a", "b", "c"], {"a", "z"})
        0.5
    """
    wanted = set(relevant)
    return len(set(context) & wanted) / len(wanted) if wanted else 0.0


def answer_in_context(texts: Sequence[str], references: Sequence[str], *, k: int) -> float:
    """1 if any of the first k texts contains a reference answer as whole words of the normal form, else 0.

    Top-k retrieval accuracy of open-domain question answering (Karpukhin et al., EMNLP 2020, sec. 5).

    Raises:
        InvalidInput: k below 1, or no reference.
    """
    if k < 1:
        raise InvalidInput("answer_in_context", f"k is {k}; it must be at least 1")
    return max((contains_answer(text, references) for text in texts[:k]), default=0.0)
