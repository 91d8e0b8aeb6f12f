"""The real writes over a small index with dense parts; everything of real_index.py, and what is about these alone."""

from pathlib import Path
from typing import Any

from contracts.toy_encoder import ToyTowers
from crash.fork_server import Write
from crash.real_index import ENCODER, RealIndex, content

from spaniel.index.dense.add_dense import add_dense, drop_dense
from spaniel.index.dense.settings import StoreSettings
from spaniel.index.query_model import set_query_model

__all__ = ["DENSE", "WRITES", "ask_by_another", "content", "two_indexes"]

STORES = {
    "codes": StoreSettings("binary", codes="rotation"),
    "floats": StoreSettings("float32"),
    "halves": StoreSettings("float16"),
}
DENSE = RealIndex(STORES)


def interrupted_encoding(path: Path) -> None:
    """A build that was stopped when all was encoded but nothing committed."""

    def stop(progress: Any) -> None:
        if progress.stage == "committing" and list((path / "partial").glob("vectors-*")):
            raise KeyboardInterrupt

    try:
        DENSE.make(path, on_progress=stop)
    except KeyboardInterrupt:
        return
    raise AssertionError("the build was not stopped")


def encode(path: Path) -> None:
    """One more dense part, encoded."""
    add_dense(path, ENCODER, name="more", store=StoreSettings("int8")).close()


def drop(path: Path) -> None:
    drop_dense(path, "floats")


def ask_by_another(path: Path, name: str = "floats") -> None:
    """Nothing but the manifest."""
    set_query_model(path, ToyTowers(7, 8), name=name)


WRITES = {
    **DENSE.writes(),
    "build after encoding": Write(interrupted_encoding, DENSE.make, DENSE.build_again),
    "add-dense": Write(DENSE.three_segments, encode, DENSE.add_one),
    "drop-dense": Write(DENSE.three_segments, drop, DENSE.add_one),
    "query-model": Write(DENSE.three_segments, ask_by_another, DENSE.add_one),
}
two_indexes = RealIndex({name: STORES[name] for name in ("codes", "floats")}).two
