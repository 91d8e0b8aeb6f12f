"""What an answer was worth: metrics by name, and preferences that make one number of them.

Metrics are logged as a vector, so that a policy can be trained again for other preferences (LLM Bandit, arXiv
2502.02743). Each lies in 0..1 and more is better; a cost becomes an economy, `1 - cost / limit`. Quality comes from
judged answers, from EM and F1 against references, or from citations: the share of the answer's sentences that rest on
a verified span. Clicks and votes are no quality of their own: in Search Arena (ICLR 2026) readers preferred answers
with irrelevant citations as much as those with supporting ones. So `composed` refuses them, and policies do
(`bandits.reward.Reward`), where nothing but economies stands beside them.
"""

import re
from collections.abc import Mapping, Sequence

from spaniel.eval.measures.answers import exact_match, token_f1
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.bandits.reward import refuse_opinions
from spaniel.retrieval.types import Answer

__all__ = ["answer_metrics", "composed", "economy"]

_SENTENCE = re.compile(r"[^.!?]*[^.!?\s][^.!?]*(?:[.!?]+|$)")


def answer_metrics(
    answer: Answer,
    *,
    references: Sequence[str] = (),
    judged: float | None = None,
    costs: Mapping[str, float] | None = None,
    limits: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Metric -> 0..1.

    Args:
        references: answers that are right; gives "em" and "f1", an abstention counting as no answer.
        judged: what a judge or a user who checked the answer says of it, 0 to 1.
        costs: such as {"searches": 1, "tokens": 812, "ms": 40}; the answer's usage by default.
        limits: name of a cost -> what counts as all there is; gives "economy.NAME" for each.

    Returns:
        "answered" and "support" (0 without citations), and what the arguments allow.

    Raises:
        InvalidInput: `judged` outside 0..1, a limit that is not above 0, or a limit on a cost that is not known.
    """
    made = {"answered": float(not answer.abstained), "support": _support(answer)}
    if references:
        text = "" if answer.abstained else answer.text
        made |= {"em": exact_match(text, references), "f1": token_f1(text, references)}
    if judged is not None:
        if not 0 <= judged <= 1:
            raise InvalidInput("reward", f"judged is {judged}; it must lie between 0 and 1")
        made["judged"] = float(judged)
    spent = dict(answer.usage) if costs is None else dict(costs)
    for name, limit in (limits or {}).items():
        if name not in spent:
            raise InvalidInput("reward", f"there is a limit on {name!r} but no such cost; there are {sorted(spent)}")
        made[f"economy.{name}"] = economy(spent[name], limit)
    return made


def economy(cost: float, limit: float) -> float:
    """1 for nothing spent, 0 from the limit on.

    Raises:
        InvalidInput: a limit that is not above 0.

    Example:
        >>> economy(250, 1000)
        0.75
    """
    if not limit > 0:
        raise InvalidInput("reward", f"a limit is {limit}; it must be above 0")
    return min(max(1.0 - cost / limit, 0.0), 1.0)


def composed(metrics: Mapping[str, float], preferences: Mapping[str, float]) -> float:
    """One number, 0..1: the mean of the metrics under the preferences as weights.

    Raises:
        InvalidInput: a metric that is not there, a negative weight, none above 0, or clicks and votes alone.

    Example:
        >>> composed({"f1": 0.5, "economy.tokens": 1.0}, {"f1": 3, "economy.tokens": 1})
        0.625
    """
    weighed = {name: weight for name, weight in preferences.items() if weight != 0}
    missing = [name for name in weighed if name not in metrics]
    if missing:
        raise InvalidInput("reward", f"no metric {missing[0]!r}; there are {', '.join(metrics)}")
    if not weighed or min(weighed.values()) < 0:
        raise InvalidInput("reward", f"preferences are {dict(preferences)}; they must be at least 0, and one above 0")
    refuse_opinions([name for name in weighed if not name.startswith("economy.")])
    return sum(weight * metrics[name] for name, weight in weighed.items()) / sum(weighed.values())


def _support(answer: Answer) -> float:
    """The share of the answer's sentences that a verified citation belongs to."""
    if answer.abstained:
        return 0.0
    sentences = [match.span() for match in _SENTENCE.finditer(answer.text)]
    spans = [each.answer_span for each in answer.citations if each.verified]
    held = [any(start < last and first < end for first, last in spans) for start, end in sentences]
    return sum(held) / len(held) if held else 0.0
