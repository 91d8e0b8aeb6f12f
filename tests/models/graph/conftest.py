"""Small random models of every family in hub format, made by transformers, which is also what they are held against."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contracts.small_model import write_tokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(60))]
SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
DISTIL = {"dim": 24, "n_layers": 2, "n_heads": 3, "hidden_dim": 40}
COUNTED = {"pad_token_id": 1}
ONE_TYPE = COUNTED | {"type_vocab_size": 1}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", SIZES),
    "roberta": ("Roberta", SIZES | ONE_TYPE),
    "xlm-roberta": ("XLMRoberta", SIZES | ONE_TYPE),
    "camembert": ("Camembert", SIZES | ONE_TYPE),
    "distilbert": ("DistilBert", DISTIL),
    "mpnet": ("MPNet", SIZES | COUNTED),
    "electra": ("Electra", SIZES | {"embedding_size": 16}),
}
"""model_type -> (what its classes are called, sizes in its own words)."""


@pytest.fixture(scope="session")
def transformers() -> Any:
    pytest.importorskip("torch", reason="torch is what the graphs are held against")
    return pytest.importorskip("transformers", reason="transformers makes the models of these tests")


Make = Callable[..., tuple[Path, Any]]


@pytest.fixture
def make_model(transformers: Any, tmp_path: Path) -> Make:
    """make_model(family, kind="Model", **config) -> (folder, the torch model in evaluation mode)."""

    def make(family: str, *, kind: str = "Model", seed: int = 0, **options: Any) -> tuple[Path, Any]:
        import torch

        name, sizes = FAMILIES[family]
        defaults = {"vocab_size": len(WORDS), "max_position_embeddings": 40, "pad_token_id": 0}
        config = getattr(transformers, f"{name}Config")(**defaults | sizes | options)
        torch.manual_seed(seed)
        model = getattr(transformers, name + kind)(config).eval()
        with torch.no_grad():  # biases start as 0 and scales as 1, which would hide that they are left out
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape) * 0.1)
        folder = tmp_path / f"{family}-{len(list(tmp_path.iterdir()))}"
        model.save_pretrained(folder)
        write_tokenizer(folder / "tokenizer.json", WORDS)
        return folder, model

    return make


def write_modules(folder: Path, pooling: dict[str, Any], *, normalise: bool) -> None:
    """modules.json as sentence-transformers writes it."""
    kinds = ["Transformer", "Pooling", *(["Normalize"] if normalise else [])]
    paths = ["", "1_Pooling", "2_Normalize"]
    listed = [
        {"idx": i, "name": str(i), "path": paths[i], "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


def batch(seed: int, *, n: int = 5, longest: int = 20, padding: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Random texts of random lengths, padded on the right."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, longest + 1, n)
    lengths[0] = longest
    mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
    ids = np.where(mask, rng.integers(4, len(WORDS), (n, longest)), padding)
    return {"input_ids": ids, "attention_mask": mask}


def with_types(inputs: dict[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """The second half of the tokens belongs to a second text."""
    shape = inputs["input_ids"].shape
    kinds = np.broadcast_to(np.arange(shape[1]) >= shape[1] // 2, shape).astype(np.int64)
    return inputs | {"token_type_ids": kinds}


def run(graph: Path, inputs: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    result: np.ndarray[Any, Any] = session.run(None, inputs)[0]
    return result


def run_torch(model: Any, inputs: dict[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The last layer's output, or the logits, of a transformers model."""
    import torch

    with torch.no_grad():
        out = model(**{name: torch.from_numpy(value) for name, value in inputs.items()})
    result: np.ndarray[Any, Any] = (out.logits if "logits" in out else out.last_hidden_state).numpy()
    return result
