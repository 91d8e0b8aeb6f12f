"""Types of the native module; each part of it by the source that binds it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# ---- analyzer.cpp

class Analyzer:
    def __init__(
        self,
        *,
        segmenter: str,
        case: str,
        possessive: bool,
        stop_words: list[str],
        stemming: str,
        prepare: Callable[[bytes], bytes] | None,
        stem: Callable[[bytes], bytes] | None,
    ) -> None: ...
    def surface(self, text: str | bytes) -> list[str]: ...
    def tokens(self, text: str | bytes) -> list[str]: ...
    def normalise(self, token: str) -> str | None: ...
    def count(self, text: str | bytes) -> int: ...
    @property
    def cheap_normalise(self) -> bool: ...

# ---- bind_binary.cpp

class BinaryScan:
    def __init__(
        self,
        arrays: dict[str, NDArray[Any]],
        n_rows: int,
        dimension: int,
        scale: float,
        largest_factor: float = 1.0,
    ) -> None: ...
    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        n_probe: int = 0,
        allowed: NDArray[np.uint64] | None = None,
        threads: int = 1,
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]: ...

# ---- binary_refine.cpp

def refine_codes(
    codes: NDArray[np.uint8],
    slope: NDArray[np.float32],
    gram: NDArray[np.float32],
    toward: NDArray[np.float32],
    off: NDArray[np.float32],
    sweeps: int,
    along: float,
) -> None: ...

# ---- bisection.cpp

def bisect(
    ptr: NDArray[np.int64],
    terms: NDArray[np.uint32],
    n_terms: int,
    min_df: int,
    max_df: int,
    leaf: int,
    iterations: int,
    threads: int,
    progress: Callable[[int, int], object] | None,
) -> NDArray[np.int32]: ...
def transpose(
    ptr: NDArray[np.int64], ids: NDArray[np.uint32], n_columns: int
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]: ...

# ---- bind_build.cpp

def layout(n_docs: int) -> dict[str, int]: ...
def term_hash(key: bytes) -> int: ...

class Accumulator:
    def __init__(self, analyzer: Analyzer | None, n_fields: int) -> None: ...
    def add_texts(self, documents: list[tuple[str, ...]]) -> None: ...
    def add_vectors(self, documents: list[dict[str, int]]) -> None: ...
    def take_run(self) -> dict[str, NDArray[Any]]: ...
    @property
    def n_docs(self) -> int: ...
    @property
    def n_postings(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...

class Merger:
    def __init__(
        self,
        runs: Sequence[dict[str, NDArray[Any]] | tuple[Segment, list[NDArray[np.uint16]]]],
        bases: list[int],
        maps: Sequence[NDArray[np.uint32] | None],
    ) -> None: ...
    def vocabulary(self) -> dict[str, NDArray[Any]]: ...
    def next(
        self, max_postings: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint16]]: ...
    def rewind(self) -> None: ...

class Encoder:
    def __init__(
        self,
        n_docs: int,
        length_code: NDArray[np.uint8],
        impact: list[NDArray[np.uint8]],
        decoded: list[NDArray[np.uint16]],
        n_medium: int = 0,
        n_long: int = 0,
    ) -> None: ...
    def encode(
        self, field: NDArray[np.uint8], ptr: NDArray[np.uint64], doc: NDArray[np.uint32], tf: NDArray[np.uint16]
    ) -> dict[str, NDArray[Any]]: ...
    def count_exceptions(
        self, field: NDArray[np.uint8], ptr: NDArray[np.uint64], doc: NDArray[np.uint32], tf: NDArray[np.uint16]
    ) -> int: ...

# ---- bind_search.cpp

def kernel_name() -> str: ...
def use_kernels(name: str) -> bool: ...

class Segment:
    def __init__(self, arrays: dict[str, NDArray[Any]], n_docs: int, n_fields: int, first_ordinal: int) -> None: ...
    def find(self, key: bytes) -> tuple[int, int] | None: ...
    def term(self, id: int) -> bytes: ...
    def postings(self, id: int) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]: ...
    def check_postings(self) -> None: ...
    def block_index_bytes(self, block_docs: int, superblock: int = 0) -> int: ...
    @property
    def n_terms(self) -> int: ...

class Engine:
    def __init__(
        self, analyzer: Analyzer | None, idf: int, field_weights: list[float], field_docs: list[int]
    ) -> None: ...
    def add_segment(
        self,
        segment: Segment,
        tables: list[tuple[NDArray[np.float64], float, float, float]],
        exception_values: list[NDArray[np.float64]],
        live: NDArray[np.uint64] | None,
        n_dead: int,
        dead_term: NDArray[np.uint32] | None,
        dead_df: NDArray[np.uint32] | None,
    ) -> None: ...
    def df(self, key: bytes) -> int: ...
    def terms_of(self, text: str) -> list[tuple[int, bytes, float]]: ...
    def search(
        self,
        queries: Sequence[Any],
        k: int,
        threads: int = 1,
        schedule: str = "auto",
        alpha: float = 1.0,
        beta: float = 1.0,
        gamma: int = 0,
        mu: float = 1.0,
        eta: float = 1.0,
        block_docs: int = 32,
        superblock: int = 0,
        exhaustive: bool = False,
        allowed: list[NDArray[np.uint64]] = ...,
        n_excluded: list[int] = ...,
    ) -> list[tuple[NDArray[np.int32], NDArray[np.float32]]]: ...
    def search_one(self, query: Any, k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...
