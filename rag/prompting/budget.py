"""How many tokens a prompt takes, and what goes first when that is too many."""

from dataclasses import replace

from spaniel.models.counting import TokenCounter, estimated
from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.prompt import Prompt

from .rendering import rendered

__all__ = ["fitted", "prompt_tokens", "without_last"]

_BESIDE_MESSAGE = 4
"""Tokens that a chat template adds around a message."""


def prompt_tokens(prompt: Prompt, count: TokenCounter = estimated) -> int:
    """Tokens of the messages that `rendered` makes, with 4 for the frame of each."""
    return sum(count(message.content) + _BESIDE_MESSAGE for message in rendered(prompt))


def without_last(prompt: Prompt, n: int) -> Prompt:
    """The prompt without its last n excerpts; the numbers of the others stay."""
    return replace(prompt, excerpts=prompt.excerpts[: max(0, len(prompt.excerpts) - n)])


def fitted(prompt: Prompt, budget_tokens: int, count: TokenCounter = estimated) -> tuple[Prompt, int]:
    """The prompt within a budget: the oldest turns go first, then excerpts from the end.

    Returns:
        the prompt, and how many excerpts were left out.

    Raises:
        InvalidInput: a budget below 1.
        LimitExceeded: not even one excerpt fits, or the question alone where there were none.

    Cost: one rendering for each thing that goes.
    """
    if budget_tokens < 1:
        raise InvalidInput("budget_tokens", f"is {budget_tokens}; it must be at least 1")
    shown, dropped = prompt, 0
    while (tokens := prompt_tokens(shown, count)) > budget_tokens:
        if shown.history:
            shown = replace(shown, history=shown.history[1:])
        elif len(shown.excerpts) > 1:
            shown, dropped = without_last(shown, 1), dropped + 1
        else:
            raise LimitExceeded("tokens of the shortest prompt", tokens, budget_tokens)
    return shown, dropped
