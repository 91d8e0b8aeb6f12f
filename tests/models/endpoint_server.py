"""An OpenAI-compatible embeddings server on this machine, which can misbehave in the ways that servers do."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contracts.toy_encoder import ToyEncoder

__all__ = ["EmbeddingServer"]


@dataclass
class EmbeddingServer:
    """Answers with `ToyEncoder(dimension)`; `asked` holds the body and headers of every request.

    Attributes:
        failures: (status, headers, body) of the next requests, before it answers again.
        change: what is done to each good answer before it is sent.
    """

    dimension: int = 4
    url: str = ""
    key: str = ""
    failures: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    change: Callable[[dict[str, Any]], Any] | None = None
    asked: list[tuple[dict[str, Any], dict[str, str]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        with self.lock:
            self.asked.append((body, headers))
            if self.failures:
                return self.failures.pop(0)
        if self.key and headers.get("Authorization") != f"Bearer {self.key}":
            said = {"error": {"message": f"bad key {headers.get('Authorization', '')}"}}
            return 401, {}, json.dumps(said).encode()
        vectors = ToyEncoder(self.dimension).encode(body["input"], kind="query")
        data = [{"index": i, "embedding": vector.tolist()} for i, vector in enumerate(vectors)]
        good: Any = {"data": data, "usage": {"prompt_tokens": 3 * len(data)}}
        good = self.change(good) if self.change else good
        return 200, {}, good if isinstance(good, bytes) else json.dumps(good).encode()
