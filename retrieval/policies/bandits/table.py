"""The closed table of bandits: policies by name, and policies from files.

No code is named by a file or a configuration: a name that is not here is an error.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.json_file import read_json

from .base import Bandit, check_settings
from .budgeted import BudgetedBandit
from .exp3 import EXP3
from .linear import LinearThompson, LinUCB
from .means import UCB1, EpsilonGreedy
from .rff import RffUcb
from .shadow import Shadow
from .state import entry, opened
from .thompson import BetaThompson, Thompson

__all__ = ["POLICIES", "Policy", "make_policy", "policy_from_json", "read_policy"]

_MOST_BYTES = 256 << 20

Policy: TypeAlias = Bandit | BudgetedBandit | Shadow

POLICIES: Mapping[str, type[Bandit]] = {
    each.name: each for each in (EpsilonGreedy, UCB1, Thompson, BetaThompson, EXP3, LinUCB, LinearThompson, RffUcb)
}
"""Name -> class, those without context first."""

_AROUND: Mapping[str, type[BudgetedBandit] | type[Shadow]] = {"shadow": Shadow, "budgeted": BudgetedBandit}
"""What stands around another policy, outermost first."""


def make_policy(name: str, arms: Sequence[str], dimension: int | None = None, **settings: Any) -> Bandit:
    """A new policy.

    Args:
        name: of the table.
        arms: names, in order.
        dimension: of contexts; policies that look at none ignore it.
        settings: of the policy's class and of `Common`.

    Raises:
        InvalidInput: an unknown name or setting (the nearest is named), or a value that cannot be used.

    Example:
        >>> make_policy("linucb", ["none", "one", "several"], 8, alpha=0.3, seed=1).arms
        ('none', 'one', 'several')
    """
    cls = _known(name)
    check_settings(cls, settings)
    if cls.contextual:
        settings = {**settings, "dimension": dimension}
    return cls(arms, **settings)


def policy_from_json(value: Mapping[str, Any]) -> Policy:
    """The policy of some policy's `to_json`.

    Raises:
        InvalidInput: it is none, or does not fit together.
    """
    return _nested(value, tuple(_AROUND))


def read_policy(path: str | Path) -> Policy:
    """The policy that `save` wrote.

    Raises:
        InvalidInput: the file is missing, or holds none.
        LimitExceeded: a file of more than 256 MiB.
    """
    return policy_from_json(read_json(path, "policy", most_bytes=_MOST_BYTES))


def _nested(value: Any, around: tuple[str, ...]) -> Policy:
    """The policy of `value`, which may stand around another one where it is named in `around`."""
    name, _, state = opened(value)
    if name not in around:
        return _known(name).from_json(value)
    inner = _nested(entry(state, "policy"), around[around.index(name) + 1 :])
    return _AROUND[name].around(inner, value)


def _known(name: str) -> type[Bandit]:
    if name not in POLICIES:
        near = get_close_matches(name, POLICIES, 1)
        hint = f"did you mean {near[0]!r}?" if near else ""
        raise InvalidInput("policy", f"there is no {name!r}; there are {', '.join(POLICIES)}", hint)
    return POLICIES[name]
