"""One encoder as a torch module: what is trained, and what it gives is what `open_encoder` would give.

Texts go the way they go when the model is served: the prompt before them, cleaned, cut and tokenised by our own reader
of tokenizer.json. Only the layers are those of sentence-transformers, read from safetensors. Dropout is off in training
too, so that what is trained is what is served and equal seeds give equal weights.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers.base.modules.module import Module
from sentence_transformers.sentence_transformer.modules import Dense
from torch import Tensor, nn

from spaniel.models.card import ModelCard
from spaniel.models.encoders.base import Kind
from spaniel.models.encoders.open import open_encoder
from spaniel.models.encoders.sentence_transformer import load
from spaniel.models.folder import ModelFolder, read_folder
from spaniel.models.graph.config import read_config
from spaniel.models.graph.modules import read_modules
from spaniel.models.graph.weights import Weights
from spaniel.models.hub import locate
from spaniel.models.text import clean
from spaniel.models.tokens import Tokenizer
from spaniel.models.towers import plain_tower, read_towers
from spaniel.retrieval.cache import cache_folder
from spaniel.retrieval.errors import InvalidInput, ModelError

__all__ = ["Tower"]


class Tower(nn.Module):
    """Texts of one kind to vectors, with gradients.

    Args:
        card: of the model as it was opened.
        folder: of the start, in hub format.
        source: what is read of its tokenizer.
        kind: "query" or "passage"; decides the prompt.
        modules: of sentence-transformers, in the order they run.
        max_length: tokens after which texts are cut.

    Attributes:
        card: of the start, so as it was opened: what is trained since then is not in it.
        folder: of the start, in hub format.
        prompt: put before every text.
        dimension: of the vectors.
    """

    def __init__(
        self,
        card: ModelCard,
        folder: Path,
        source: ModelFolder,
        kind: Kind,
        modules: Sequence[nn.Module],
        max_length: int,
    ) -> None:
        super().__init__()
        self.card, self.kind, self.folder, self.source = card, kind, folder, source
        self.prompt = card.query_prompt if kind == "query" else card.passage_prompt
        self.max_length, self.dimension = max_length, card.dimension
        self.layers = nn.ModuleList(modules)
        self._tokenizer = Tokenizer(source.tokenizer, max_length, padding=source.padding, lower=source.lower)
        self._padding = source.padding
        self.train(False)

    @classmethod
    def open(
        cls,
        model: str | Path | ModelCard,
        *,
        kind: Kind,
        device: str = "cpu",
        max_length: int | None = None,
        cache: str | Path | None = None,
        offline: bool = False,
    ) -> "Tower":
        """The model that training starts from.

        Args:
            model: a short name, a folder in hub format, "owner/name", or the card of an index, whose lengths and
                prompts are then kept.
            kind: which of its towers, where it has two, and which of its prompts.
            device: "cpu" or "cuda".
            max_length: tokens after which texts are cut while training, instead of what the model reads; what is
                written is served with the start's own.

        Raises:
            ModelError: no such model, one that has no weights as safetensors, or an architecture without a graph of
                ours, whose training nobody could serve; for a card, one that is not the same.
            MissingExtra: onnxruntime, which tells what the model is, or sentence-transformers is not installed.

        Cost: two seconds and 8 bytes a weight for a model of 23 million weights.
        """
        if kind not in ("query", "passage"):
            raise InvalidInput("kind", f"{kind!r} is not query or passage")
        with open_encoder(model, threads=1, cache=cache, offline=offline) as encoder:
            card = encoder.card
        located = locate(card.source, cache=cache_folder(cache), offline=offline)
        towers = read_towers(located.folder)
        if towers is None:
            return cls._read(card, located.folder, located.folder, kind, device, max_length)
        own = (towers.query or towers.passage) if kind == "query" else towers.passage
        with plain_tower(towers, own) as plain:
            return cls._read(card, located.folder, plain, kind, device, max_length, trained=own)

    @classmethod
    def _read(
        cls,
        card: ModelCard,
        folder: Path,
        plain: Path,
        kind: Kind,
        device: str,
        max_length: int | None,
        *,
        trained: Path | None = None,
    ) -> "Tower":
        """The tower of the weights in the folder `plain`, of one model in hub format.

        Args:
            trained: the export of a tower of `folder`, which stays when `plain` goes.
        """
        _check_trainable(read_folder(plain))
        if max_length is not None and not 8 <= max_length <= card.max_length:
            raise InvalidInput(
                "max_length", f"{max_length}; it must be 8 to the {card.max_length} tokens of {card.name}"
            )
        modules = list(load(plain, device=device).children())
        tower = cls(card, folder, read_folder(trained or plain), kind, modules, max_length or card.max_length).float()
        _settle_pooler(tower, plain)
        return tower

    def twin(self, kind: Kind, *, max_length: int = 0) -> "Tower":
        """The same layers, shared, for texts of this kind: its prompt, and its cut where one is given.

        Args:
            max_length: tokens after which texts are cut; 0, or more than the model reads, for as many as it reads.
        """
        cut = min(max_length or self.card.max_length, self.card.max_length)
        made = Tower(self.card, self.folder, self.source, kind, (), cut)
        made.layers, made.dimension = self.layers, self.dimension
        return made

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    @property
    def parts(self) -> list[Module]:
        """The modules of sentence-transformers, in the order they run."""
        return [cast(Module, self.layers[place]) for place in range(len(self.layers))]

    def train(self, mode: bool = True) -> "Tower":
        """Evaluation mode, whatever is asked for: dropout stays off."""
        super().train(False)
        return self

    def ids(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """Token ids of each text, prompt and special ones included, cut; for callers that tokenise once."""
        return self._tokenizer([clean(self.prompt + text) for text in texts]).ids

    def padded(self, ids: Sequence[NDArray[np.int64]]) -> dict[str, Tensor]:
        """A batch of what `ids` gave: input_ids and attention_mask, int64 (n, longest), padded on the right."""
        shape = (len(ids), max((len(each) for each in ids), default=1))
        tokens, mask = np.full(shape, self._padding, np.int64), np.zeros(shape, np.int64)
        for row, each in enumerate(ids):
            tokens[row, : len(each)] = each
            mask[row, : len(each)] = 1
        made = {"input_ids": tokens, "attention_mask": mask}
        return {name: torch.from_numpy(values).to(self.device) for name, values in made.items()}

    def features(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """What `forward` reads of these texts: input_ids and attention_mask, int64 (n, longest), on the device."""
        return self.padded(self.ids(texts))

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        """Vectors, float32 (n, dimension), with gradients; `open_encoder`'s to within 1e-4."""
        passed: dict[str, Any] = dict(features)
        for part in self.parts:
            passed = part(passed)
        vectors: Tensor = passed["sentence_embedding"]
        return vectors.float()

    def encode(self, texts: Sequence[str], *, batch: int = 32) -> NDArray[np.float32]:
        """Vectors without gradients, float32 (n, dimension), in the order of the texts; sorted by length inside.

        A passage without text has the vector zero, as in an index.
        """
        ids = self.ids(texts)
        said = [place for place, text in enumerate(texts) if self.kind == "query" or text.strip()]
        said.sort(key=lambda place: len(ids[place]))
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        with torch.inference_mode():
            for start in range(0, len(said), batch):
                places = said[start : start + batch]
                vectors[places] = self(self.padded([ids[place] for place in places])).cpu().numpy()
        return vectors

    def add_hash(self, weight: NDArray[np.float32], bias: NDArray[np.float32] | None) -> None:
        """A linear layer behind the last one: vectors become x W + b, of D dimensions, not normalised.

        Args:
            weight: float (d, D).
            bias: float (D,); None for a tower whose vectors are compared by sign with nothing, a query's.

        Raises:
            InvalidInput: shapes that do not fit.
        """
        if (
            weight.ndim != 2
            or weight.shape[0] != self.dimension
            or (bias is not None and bias.shape != weight.shape[1:])
        ):
            shape = None if bias is None else bias.shape
            raise InvalidInput("add_hash", f"{weight.shape} and {shape} do not fit vectors of {self.dimension}")
        made = Dense(
            weight.shape[0],
            weight.shape[1],
            bias=bias is not None,
            activation_function=nn.Identity(),
            init_weight=torch.tensor(np.ascontiguousarray(weight.T), dtype=torch.float32),
            init_bias=None if bias is None else torch.tensor(bias, dtype=torch.float32),
        )
        self.layers.append(made.to(self.device).eval())
        self.dimension = weight.shape[1]


def _settle_pooler(tower: Tower, folder: Path) -> None:
    """BERT's own head of the first token, which no vector has: it is not trained, and where the start's files lack it,
    zeros stand for the random numbers that transformers makes, so that equal seeds write equal files."""
    with Weights(folder) as weights:
        held = any("pooler." in name for name in weights.names)
    for name, parameter in tower.named_parameters():
        if ".pooler." in name:
            parameter.requires_grad_(False)
            if not held:
                parameter.data.zero_()


def _check_trainable(folder: ModelFolder) -> None:
    """That its weights can be read, and its graph be made when they have changed.

    Raises:
        ModelError: one of them not.
    """
    if not folder.safetensors:
        error = ModelError(f"{folder.path}: no model.safetensors, and a graph cannot be trained")
        error.hint = "give the folder that the graph was exported from, in hub format with weights as safetensors"
        raise error
    read_config(folder.path)
    read_modules(folder.path)
