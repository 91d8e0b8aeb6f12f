"""What a training step spends in its loss: forward and backward over vectors that are there, in milliseconds.

    python -m benchmarks.training_losses

Each loss at the size that its method uses, on random vectors of 384 dimensions; beside it the same by other means:
softmax by sentence-transformers, LambdaRank over all n x n pairs of each list, one list at a time, as its authors do;
and, for scale, what the encoder takes for the same batch (MiniLM's shape, random weights, 32 queries of 24 tokens).
Ways take turns, after two rounds that do not count; the median of `--rounds`.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, softplus

from benchmarks.report import machine
from spaniel.training.losses import BprLoss, StarLoss, in_batch_loss, lambda_rank_loss

D = 384
Way = Callable[[], Tensor]


def main() -> None:
    """Print the table as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    print(json.dumps({"machine": machine(), "torch": torch.__version__, "threads": given.threads}))
    ways = {
        **_batch_losses(256),
        **_list_losses(32, 200, 2),
        **_list_losses(32, 200, 40),
        "encoder 32 x 24": _encoder(),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(given.rounds + 2):
        for name, way in ways.items():
            begin = time.perf_counter()
            way().backward()
            if turn > 1:
                times[name].append((time.perf_counter() - begin) * 1e3)
    for name, taken in times.items():
        print(json.dumps({"way": name, "ms": round(statistics.median(taken), 2), "least_ms": round(min(taken), 2)}))
    print(json.dumps({"largest difference of values": _differences()}))


def _vectors(n: int) -> Tensor:
    return normalize(torch.randn(n, D), dim=1).requires_grad_()


def _batch_losses(b: int) -> dict[str, Way]:
    """b queries, b positives, b hard negatives."""
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    query, positive, hard = _vectors(b), _vectors(b), _vectors(b)
    theirs: Any = MultipleNegativesRankingLoss(torch.nn.Identity())
    star, bpr = StarLoss(20.0), BprLoss()
    return {
        f"in-batch {b}": lambda: in_batch_loss(query, positive, hard),
        f"in-batch {b}, sentence-transformers": lambda: theirs.compute_loss_from_embeddings(
            [query, positive, hard], torch.zeros(b)
        ),
        f"STAR {b}": lambda: star(query, positive, hard),
        f"BPR {b}": lambda: bpr(query * D**0.5, torch.cat([positive, hard]) * D**0.5, torch.arange(b), 0).total,
    }


def _lists(b: int, n: int, p: int) -> tuple[Tensor, Tensor]:
    scores = torch.rand(b, n).sort(dim=1, descending=True).values.requires_grad_()
    grades = torch.zeros(b, n, dtype=torch.int64)
    for row in grades:
        row[torch.randperm(n)[:p]] = 1
    return scores, grades


def _list_losses(b: int, n: int, p: int) -> dict[str, Way]:
    """b lists of n candidates, p of them relevant."""
    scores, grades = _lists(b, n, p)
    return {
        f"LambdaRank {b} x {n}, {p} relevant": lambda: lambda_rank_loss(scores, grades, scale=20.0),
        f"LambdaRank {b} x {n}, {p} relevant, list by list": lambda: _list_by_list(scores, grades),
    }


def _list_by_list(scores: Tensor, grades: Tensor) -> Tensor:
    """All pairs of each list, both ways round."""
    total = scores.new_zeros(())
    for s, g in zip(scores * 20.0, grades, strict=True):
        better = (g[:, None] > g[None]).float()
        worth = 1 / torch.arange(1, len(s) + 1)
        both = better * softplus(s[None] - s[:, None]) + better.T * softplus(s[:, None] - s[None])
        total = total + (both * (worth[:, None] - worth[None]).abs()).sum() / (2 * better.sum())
    return total / len(scores)


def _encoder() -> Way:
    from transformers import BertConfig, BertModel

    model = BertModel(BertConfig(hidden_size=D, num_hidden_layers=6, num_attention_heads=12, intermediate_size=4 * D))
    tokens = torch.randint(1000, (32, 24))
    return lambda: model.eval()(tokens).last_hidden_state.mean(dim=1).square().sum()


def _differences() -> dict[str, float]:
    batch, lists = _batch_losses(64), _list_losses(8, 200, 5)
    pairs = [list(ways.values())[:2] for ways in (batch, lists)]
    return {
        name: abs(one().item() - two().item())
        for name, (one, two) in zip(("in-batch", "LambdaRank"), pairs, strict=True)
    }


if __name__ == "__main__":
    main()
