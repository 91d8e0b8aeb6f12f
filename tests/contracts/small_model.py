"""A random BERT of a few kilobytes in hub format, made without torch: what a folder of a model looks like."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["WORDS", "small_bert", "write_json", "write_tokenizer"]

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"w{i}" for i in range(60)), "query", "passage", ":"]
_WIDTH, _INNER, _LAYERS, _HEADS, _POSITIONS = 24, 40, 2, 3, 40


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), "utf-8")


def small_bert(
    folder: Path,
    *,
    seed: int = 0,
    pooling: str = "mean",
    normalise: bool = True,
    max_length: int | None = 16,
    prompts: Mapping[str, str] | None = None,
    words: Sequence[str] = (),
) -> Path:
    """Write the model; the folder.

    Vocabulary: WORDS and `words`, split at spaces and punctuation. Vectors of 24 dimensions, at most 40 tokens.
    """
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = [*WORDS, *words]
    save_file(_weights(np.random.default_rng(seed), len(vocabulary)), folder / "model.safetensors")
    sizes = {"hidden_size": _WIDTH, "num_hidden_layers": _LAYERS, "num_attention_heads": _HEADS}
    sizes |= {"intermediate_size": _INNER, "max_position_embeddings": _POSITIONS, "vocab_size": len(vocabulary)}
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "type_vocab_size": 2,
        "pad_token_id": 0,
        "layer_norm_eps": 1e-12,
    }
    write_json(folder / "config.json", config | sizes)
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "model_max_length": 40})
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), *([("2_Normalize", "Normalize")] if normalise else [])]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    write_json(folder / "modules.json", modules)
    write_json(folder / "1_Pooling" / "config.json", {"embedding_dimension": _WIDTH, "pooling_mode": pooling})
    if max_length is not None:
        write_json(folder / "sentence_bert_config.json", {"max_seq_length": max_length, "do_lower_case": False})
    if prompts is not None:
        write_json(folder / "config_sentence_transformers.json", {"prompts": prompts, "default_prompt_name": None})
    write_tokenizer(folder / "tokenizer.json", vocabulary, padded=True)
    return folder


def _weights(rng: np.random.Generator, n_words: int) -> dict[str, np.ndarray[Any, Any]]:
    made: dict[str, np.ndarray[Any, Any]] = {}

    def linear(name: str, out: int, into: int) -> None:
        made[f"{name}.weight"] = (rng.standard_normal((out, into)) * 0.3).astype(np.float32)
        made[f"{name}.bias"] = (rng.standard_normal(out) * 0.1).astype(np.float32)

    def norm(name: str) -> None:
        made[f"{name}.weight"] = (1 + rng.standard_normal(_WIDTH) * 0.1).astype(np.float32)
        made[f"{name}.bias"] = (rng.standard_normal(_WIDTH) * 0.1).astype(np.float32)

    for name, rows in (("word", n_words), ("position", _POSITIONS), ("token_type", 2)):
        made[f"embeddings.{name}_embeddings.weight"] = rng.standard_normal((rows, _WIDTH)).astype(np.float32)
    norm("embeddings.LayerNorm")
    for i in range(_LAYERS):
        layer = f"encoder.layer.{i}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            linear(f"{layer}.attention.{part}", _WIDTH, _WIDTH)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", _INNER, _WIDTH)
        linear(f"{layer}.output.dense", _WIDTH, _INNER)
        norm(f"{layer}.output.LayerNorm")
    return made


def write_tokenizer(path: Path, words: list[str], *, padded: bool = False) -> None:
    """A tokenizer.json of these words, the first four being [PAD], [UNK], [CLS] and [SEP]; pairs have token types.

    Args:
        padded: it asks for padding and truncation, as many models' files do; nobody here wants either.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    if padded:
        tokenizer.add_special_tokens(words[:4])
        tokenizer.enable_padding(length=8)
        tokenizer.enable_truncation(5)
    tokenizer.save(str(path))
