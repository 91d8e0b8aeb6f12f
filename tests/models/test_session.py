"""Which provider runs a graph, and whether it runs all of it: with stand-ins, for only the CPU is here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.cross_encoder import small_cross_encoder, some_texts

from spaniel.models.encoders.open import open_encoder
from spaniel.models.graph.export import Exported, export
from spaniel.models.onnx_safety import input_names
from spaniel.models.session import open_session
from spaniel.rerank.cross_encoders import onnx
from spaniel.rerank.cross_encoders.open import open_pair_model
from spaniel.retrieval.errors import InvalidInput, ModelError

ort: Any = pytest.importorskip("onnxruntime")

NAMES = {"cpu": "CPU", "cuda": "CUDA", "tensorrt": "Tensorrt", "openvino": "OpenVINO"}
FULL = {word: f"{name}ExecutionProvider" for word, name in NAMES.items()}


@dataclass
class Node:
    op_type: str


class Part:
    def __init__(self, ep_name: str, *kinds: str) -> None:
        self.ep_name, self._nodes = ep_name, [Node(kind) for kind in kinds]

    def get_nodes(self) -> list[Node]:
        return self._nodes


class Elsewhere:
    """A session of the CPU that says it is another provider's."""

    def __init__(self, real: Any, providers: list[Any], parts: list[Part]) -> None:
        self._real, self.providers, self._parts, self.sizes = real, providers, parts, []  # type: ignore[var-annotated]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get_providers(self) -> list[str]:
        return [each if isinstance(each, str) else each[0] for each in self.providers]

    def get_provider_graph_assignment_info(self) -> list[Part]:
        return self._parts

    def run(self, names: Any, fed: Any, options: Any = None) -> Any:
        self.sizes.append(fed["input_ids"].shape)
        return self._real.run(names, fed, options)


Pretend = Callable[..., list[Elsewhere]]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """pretend(*parts): every provider is there, and runs these parts; the sessions opened from then on."""
    real, opened = ort.InferenceSession, []

    def start(*parts: Part) -> list[Elsewhere]:
        def session(path: str, options: Any, providers: list[Any]) -> Elsewhere:
            opened.append(Elsewhere(real(path, options, providers=[FULL["cpu"]]), providers, list(parts)))
            return opened[-1]

        monkeypatch.setattr(ort, "get_available_providers", lambda: list(FULL.values()))
        monkeypatch.setattr(ort, "InferenceSession", session)
        return opened

    return start


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    place = tmp_path_factory.mktemp("models")
    return export(small_cross_encoder(place / "small"), place / "made", head="classify", precision="both")


def test_a_provider_that_leaves_products_to_the_cpu_is_refused(made: Exported, pretend: Pretend) -> None:
    pretend(Part(FULL["cuda"], "MatMul", "Gemm"), Part(FULL["cpu"], "Shape", "FusedMatMul", "Gather"))
    with pytest.raises(ModelError, match="leaves work to others: FusedMatMul on CPUExecutionProvider"):
        open_session(made.graph, device="cuda")


def test_shapes_may_be_reckoned_on_the_cpu(made: Exported, pretend: Pretend) -> None:
    opened = pretend(Part(FULL["cuda"], "MatMul", "Gemm"), Part(FULL["cpu"], "Shape", "Gather"))
    open_session(made.graph, device="cuda")
    assert opened[0].providers == [FULL["cuda"], FULL["cpu"]]


def test_what_onnxruntime_says_of_a_graph_on_the_cpu(made: Exported) -> None:
    """The check stands on this: products have these names, and each is somebody's."""
    options = ort.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    for graph, product in ((made.graph, "MatMul"), (made.int8_graph, "MatMulIntegerToFloat")):
        session = ort.InferenceSession(str(graph), options, providers=[FULL["cpu"]])
        parts = session.get_provider_graph_assignment_info()
        assert {part.ep_name for part in parts} == {FULL["cpu"]}
        assert product in {node.op_type for part in parts for node in part.get_nodes()}


@pytest.mark.parametrize("provider", ["cuda", "tensorrt", "openvino"])
def test_int8_is_for_the_cpu(made: Exported, pretend: Pretend, tmp_path: Path, provider: Any) -> None:
    opened = pretend(Part(FULL[provider], "MatMul"))
    with pytest.raises(InvalidInput, match=f"int8 runs on the CPU, not on {provider}") as caught:
        open_pair_model(made.path, precision="int8", provider=provider, cache=tmp_path)
    assert "fp32" in caught.value.hint
    if provider == "cuda":
        with pytest.raises(InvalidInput, match="int8 runs on the CPU"):
            open_encoder(made.path, precision="int8", device="cuda", cache=tmp_path)
    assert not opened


def test_tensorrt_is_told_the_shapes_and_has_cuda_behind_it(made: Exported, pretend: Pretend, tmp_path: Path) -> None:
    opened = pretend(Part(FULL["tensorrt"], "MatMul"))
    open_pair_model(made.path, provider="tensorrt", cache=tmp_path, max_length=40)
    (name, options), *others = opened[0].providers
    assert [name, *others] == [FULL["tensorrt"], FULL["cuda"], FULL["cpu"]]
    names = ["input_ids", "attention_mask", "token_type_ids"]
    assert input_names(made.graph) == names
    for which, shape in (("min", "1x1"), ("opt", "32x20"), ("max", "64x40")):
        assert options[f"trt_profile_{which}_shapes"] == ",".join(f"{name}:{shape}" for name in names)
    assert options["trt_engine_cache_path"] == str(tmp_path / "models" / "engines")


def test_no_run_on_tensorrt_is_larger_than_its_engine(
    made: Exported, pretend: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = open_pair_model(made.path, cache=tmp_path)
    opened = pretend(Part(FULL["tensorrt"], "MatMul"))
    monkeypatch.setattr(onnx, "_TENSORRT_PAIRS", 4)
    model = open_pair_model(made.path, provider="tensorrt", cache=tmp_path)
    pairs = model.tokenised("w1 w2", some_texts(10))
    np.testing.assert_allclose(model.logits(pairs), usual.logits(pairs), atol=1e-5)
    assert [rows for rows, _ in opened[0].sizes] == [4, 4, 2]
