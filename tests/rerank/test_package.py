"""`spaniel.rerank` is a package and a function, whatever was imported first."""

import subprocess
import sys

import pytest
from contracts.toy_judge import ToyJudge

import spaniel
import spaniel.rerank.driver as driver
from spaniel.rerank.ranked import rerank

JUDGE = ToyJudge({"0": 1.0, "1": 2.0})


def test_calling_the_package_is_calling_the_function() -> None:
    assert spaniel.rerank("q", ["a", "b"], JUDGE, top_n=1) == rerank("q", ["a", "b"], JUDGE, top_n=1)
    assert sys.modules["spaniel.rerank"].driver is driver  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "imports",
    [
        "import spaniel as sp; sp.rerank; import spaniel.rerank.budget",
        "import spaniel.rerank.budget; import spaniel as sp",
    ],
)
def test_the_order_of_imports_does_not_matter(imports: str) -> None:
    code = f"{imports}\nassert callable(sp.rerank) and sp.rerank.budget.Budget is sp.Budget"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
