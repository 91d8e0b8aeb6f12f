"""Cut-off policies as stages out of TOML."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from contracts.small_collection import QUERIES, write

from spaniel.eval.collections import collection
from spaniel.index.build import build
from spaniel.rag.pipelines.spec import read_pipeline
from spaniel.rag.pipelines.systems import systems
from spaniel.retrieval.errors import InvalidInput
from spaniel.retrieval.policies.adaptive_k import AdaptiveK
from spaniel.retrieval.policies.conformal import ConformalCut
from spaniel.retrieval.policies.cumulative_scores import CumulativeThreshold
from spaniel.retrieval.policies.fitted import FittedPolicy
from spaniel.retrieval.policies.fixed import FixedK
from spaniel.retrieval.policies.ordinal import OrdinalCutoff
from spaniel.retrieval.policies.percentile import Percentile
from spaniel.retrieval.policies.place_features import PLACE_FEATURES
from spaniel.retrieval.policies.priced import PricedCut
from spaniel.retrieval.policies.relative import Elbow, RelativeThreshold
from spaniel.retrieval.policies.top_p import TopP
from spaniel.retrieval.protocols import CutoffPolicy

STAGES: dict[str, CutoffPolicy] = {
    'type = "fixed-k"\nk = 2': FixedK(2),
    'type = "adaptive-k"\nmax_k = 3\nbuffer = 1\nmethod = "2diff_spike"': AdaptiveK(
        max_k=3, buffer=1, method="2diff_spike"
    ),
    'type = "relative"\nshare = 0.8\nof = "range"': RelativeThreshold(0.8, of="range"),
    'type = "elbow"\nwindow = 20': Elbow(window=20),
    'type = "percentile"\npercentile = 60.0': Percentile(60),
    'type = "top-p"\np = 0.5\ntemperature = 1.0': TopP(0.5, 1.0),
}


@pytest.mark.parametrize("lines", STAGES)
def test_a_stage_is_its_policy(tmp_path: Path, lines: str) -> None:
    file = tmp_path / "cut.toml"
    file.write_text(f'[[stages]]\ntype = "bm25"\n[[stages]]\n{lines}\n')
    small = collection(write(tmp_path / "small"))
    with build(small.path, tmp_path / "kb") as index:
        spec = read_pipeline(file)
        made = spec.make(index)
        for query in QUERIES.values():
            (ranking,) = index.bm25().search([query])
            (cut,) = made.search([query])
            assert len(cut) == STAGES[lines].cut(query, ranking)
    (_, stage) = spec.to_json()["stages"]  # type: ignore[misc, union-attr]
    assert stage["type"] == made.name.rpartition(" ")[2]  # type: ignore[index, call-overload]


PRICED = PricedCut(0.1, (0.5,) * len(PLACE_FEATURES) + (-1.0,))
SAVED: dict[str, FittedPolicy] = {
    "priced": PRICED,
    "ordinal": OrdinalCutoff((0.5, 0.5, 2.0)),
    "cumulative-scores": CumulativeThreshold(0.7),
    "conformal": ConformalCut(0.3, 0.1, window=50, priced=PRICED),
}


@pytest.mark.parametrize("kind", SAVED)
def test_a_fitted_policy_comes_from_its_file(tmp_path: Path, kind: str) -> None:
    SAVED[kind].save(tmp_path / "policy.json")
    file = tmp_path / "cut.toml"
    stage = f'[[stages]]\ntype = "bm25"\n[[stages]]\ntype = "{kind}"\n'
    file.write_text(f'{stage}policy = "{tmp_path / "policy.json"}"\n')
    with build(collection(write(tmp_path / "small")).path, tmp_path / "kb") as index:
        assert read_pipeline(file).make(index).stages == (SAVED[kind],)
        if kind == "priced":
            file.write_text(f'{stage}policy = "{tmp_path / "policy.json"}"\nprice = 0.3\nmax_k = 4\n')
            (stage_made,) = read_pipeline(file).make(index).stages
            assert isinstance(stage_made, PricedCut) and (stage_made.price, stage_made.max_k) == (0.3, 4)
    file.write_text(stage)
    with pytest.raises(InvalidInput, match="policy is missing"):
        read_pipeline(file)


def test_a_run_is_known_by_what_the_file_holds(tmp_path: Path) -> None:
    file, small = tmp_path / "cut.toml", collection(write(tmp_path / "small"))
    file.write_text(f'[[stages]]\ntype = "bm25"\n[[stages]]\ntype = "priced"\npolicy = "{tmp_path / "policy.json"}"\n')
    definitions = []
    for price in (0.1, 0.2, 0.1):
        replace(PRICED, price=price).save(tmp_path / "policy.json")
        with ExitStack() as stack:
            made = systems([read_pipeline(file)], small, stack, cache=tmp_path / "cache")
            definitions.append(made["cut"].definition)
    assert definitions[0] == definitions[2] != definitions[1]
