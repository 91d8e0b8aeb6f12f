"""Search the tree of ordered sets for the best one under the budget, as CARROT does.

Wang et al., "CARROT" (ICDE 2026; CORAG in arXiv 2411.00744), sec. 5: Monte Carlo tree search. A node is a sequence of
passages, its children have one more. Each round walks from the root to a leaf by the greatest

    mean worth + exploration * sqrt(ln N / n) - cost_weight * tokens / budget

(N visits of the parent, n of the node), gives the leaf all children that fit, scores them in one call of the set
scorer, and adds the best child's worth to the mean of every node above. The answer is the node with the greatest worth
of its own at *any* depth: more is not better. Worths are stretched to 0..1 over those seen so far for the walk.

Unlike the authors' code, cost is counted once, by the caller's counter; sets that differ in order only are one node
where the scorer does not look at the order; and the first rounds go straight down, each to the best child of the last,
as long as that is better than its parent: with few rounds the rule above never gets deep, and so the answer is never
worse than the greedy one. Nothing is random.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import log, sqrt
from typing import ClassVar

from spaniel.models.counting import TokenCounter
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.types import JSON

from .base import Candidate, Packed
from .coverage import COVERAGE
from .excerpts import check_budget, check_settings, costs, packed, whole
from .order import Order
from .relevance import check_share
from .sets import SetScorer, SetValue

__all__ = ["Carrot"]


@dataclass(frozen=True, slots=True)
class Carrot:
    """The best set that so many rounds of search find.

    Args:
        scorer: of sets: "coverage" by name; see `sets.py`.
        iterations: rounds, each of which scores up to `depth` sets.
        exploration: C of the rule above; 1.41 is the authors' default, 2 was their best.
        cost_weight: lambda of the rule above, which steers the walk to cheap sets.
        depth: how many candidates take part.
        max_passages: no more are taken; any number by default.
        order: in which they are shown; see `order.py`. "best" is the order of the candidates, or, where the scorer
            looks at the order, the one that it scored.

    Cost: `iterations` calls of the scorer over at most `depth` sets each.

    Raises:
        InvalidInput: a setting that cannot be.
    """

    scorer: SetScorer = COVERAGE
    iterations: int = 50
    exploration: float = 1.41
    cost_weight: float = 0.1
    depth: int = 20
    max_passages: int | None = None
    order: Order = "best"
    name: ClassVar[str] = "carrot"

    def __post_init__(self) -> None:
        check_settings(self.name, self.order, self.max_passages, self.depth)
        check_share(self.name, exploration=self.exploration, cost_weight=self.cost_weight)
        if self.iterations < 1:
            raise InvalidInput(self.name, f"iterations is {self.iterations}; it must be at least 1")

    def pack(
        self, question: str, candidates: Sequence[Candidate], *, budget_tokens: int, count: TokenCounter
    ) -> Packed:
        """See `base.Packer`."""
        check_budget(self.name, budget_tokens)
        read = candidates[: self.depth]
        prices = costs(read, count)
        tree = _Tree(self, self.scorer.of(question, read), prices, budget_tokens)
        rounds = tree.search()
        excerpts = {place: whole(read[place], prices[place]) for place in tree.best.places}
        taken: list[JSON] = list(tree.best.places)
        numbers: dict[str, JSON] = {"worth": tree.best.worth, "rounds": rounds, "sets": tree.scored, "taken": taken}
        best = tree.best.places if self.scorer.ordered else None
        return packed(excerpts, candidates, self.order, numbers, best=best)


@dataclass(slots=True, eq=False)
class _Node:
    """A sequence of passages; `children` is None until it is opened, and `closed` says that nothing is below it."""

    places: tuple[int, ...]
    tokens: int
    worth: float
    visits: int = 0
    total: float = 0.0
    children: "list[_Node] | None" = None
    closed: bool = False


@dataclass(slots=True)
class _Tree:
    """One search."""

    settings: Carrot
    value: SetValue
    prices: dict[int, int]
    budget: int
    root: _Node = field(default_factory=lambda: _Node((), 0, 0.0))
    best: _Node = field(init=False)
    scored: int = 0
    low: float = 0.0
    high: float = 0.0
    seen: set[tuple[int, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.best = self.root

    def search(self) -> int:
        """How many rounds were made; fewer than asked for where the whole tree has been seen."""
        dive = [self.root]
        for done in range(self.settings.iterations):
            if self.root.closed:
                return done
            path = dive or self._walk()
            self._open(path[-1])
            self._credit(path)
            better = max(path[-1].children or (), key=lambda child: child.worth, default=path[-1])
            dive = [*path, better] if dive and better.worth > path[-1].worth else []
        return self.settings.iterations

    def _walk(self) -> list[_Node]:
        """The nodes from the root to one that is not open yet."""
        path = [self.root]
        while path[-1].children:
            parent = path[-1]
            path.append(max((child for child in parent.children or () if not child.closed), key=self._index(parent)))
        return path

    def _index(self, parent: _Node) -> Callable[[_Node], float]:
        """The rule by which children of this node are walked."""
        span = self.high - self.low or 1.0
        explore = self.settings.exploration * sqrt(log(max(parent.visits, 1)))

        def index(node: _Node) -> float:
            mean = (node.total / node.visits - self.low) / span
            return mean + explore / sqrt(node.visits) - self.settings.cost_weight * node.tokens / self.budget

        return index

    def _open(self, node: _Node) -> None:
        """Give a node its children, each scored once."""
        full = len(node.places) == self.settings.max_passages
        fitting = [
            place
            for place in sorted(self.prices)
            if not full and place not in node.places and node.tokens + self.prices[place] <= self.budget
        ]
        new = [place for place in fitting if self._is_new((*node.places, place))]
        worths = self.value.grown(node.places, new).tolist() if new else []
        node.children = [
            _Node((*node.places, place), node.tokens + self.prices[place], worth, 1, worth)
            for place, worth in zip(new, worths, strict=True)
        ]
        self.scored += len(new)
        for child in node.children:
            self.low, self.high = min(self.low, child.worth), max(self.high, child.worth)
            if child.worth > self.best.worth:
                self.best = child
        node.closed = not node.children

    def _is_new(self, places: tuple[int, ...]) -> bool:
        key = places if self.settings.scorer.ordered else tuple(sorted(places))
        if key in self.seen:
            return False
        self.seen.add(key)
        return True

    def _credit(self, path: list[_Node]) -> None:
        """Add the best of the new worths to all above it, and close what has nothing open below it."""
        opened = path[-1]
        found = max((child.worth for child in opened.children or ()), default=opened.worth)
        for node in path:
            node.visits += 1
            node.total += found
        for node in reversed(path):
            node.closed = node.closed or all(child.closed for child in node.children or ())
