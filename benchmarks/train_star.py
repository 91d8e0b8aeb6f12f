"""STAR and in-batch training on titles -> abstracts: does a tenth of arxiv-40k's pairs make its search better?

    python -m benchmarks.train_star index MODEL INDEX      # both sides with the same: int8, 128 tokens, float16
    python -m benchmarks.train_star train INDEX OUT [--method star|in-batch] [--share 0.1] [--set learning_rate=3e-5]
    python -m benchmarks.train_star compare INDEX TRAINED_INDEX [--out FILE]

`train` writes the model, its settings and curve; `compare` asks the test titles, of which none was trained on, of both
indexes and gives nDCG@10, MRR@10, R@100, the difference with its interval, and a paired test.
"""

import json
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

import spaniel
from spaniel.index.dense.settings import StoreSettings

from .train_runs import given_settings, paired, scores_of, trained

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "arxiv-40k"
_MAX_LENGTH = 128


@click.group()
def main() -> None:
    """See the module."""


@main.command()
@click.argument("model")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--threads", default=2)
def index(model: str, path: Path, threads: int) -> None:
    """Encode the abstracts."""
    from spaniel.models.encoders.open import open_encoder

    began = time.monotonic()
    spaniel.build(str(DATA), path).close()
    with open_encoder(model, precision="int8", max_length=_MAX_LENGTH, threads=threads) as encoder:
        spaniel.add_dense(path, encoder=encoder, name="trained", store=StoreSettings("float16")).close()
    click.echo(f"{path}: {time.monotonic() - began:.0f} s")


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--method", default="star")
@click.option("--share", default=0.1)
@click.option("--dev", default=200, help="questions held out; 0 for none, and no evaluations")
@click.option("--set", "given", multiple=True, help="of the settings: name=value")
def train(path: Path, out: Path, method: str, share: float, dev: int, given: tuple[str, ...]) -> None:
    """Train on a share of the train pairs."""
    from spaniel.training.data import training_set

    settings = given_settings(method, given)
    with spaniel.open(path) as kb:
        whole = training_set(kb, str(DATA), dev=dev, seed=settings.seed, name="arxiv-40k")
        rng = np.random.default_rng(settings.seed)
        chosen = np.sort(rng.choice(len(whole.train), int(len(whole.train) * share), replace=False))
        sample = replace(whole, train=[whole.train[place] for place in chosen])
        click.echo(f"{len(sample.train):,} of {len(whole.train):,} pairs, {len(sample.dev)} held out; {settings}")
        trained([sample], settings, out)


@main.command()
@click.argument("start", type=click.Path(path_type=Path))
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path))
def compare(start: Path, path: Path, out: Path | None) -> None:
    """The test titles, of both indexes."""
    before, after = (scores_of(each, str(DATA)) for each in (start, path))
    found = paired(before, after)
    click.echo(json.dumps(found, indent=1))
    if out is not None:
        out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
