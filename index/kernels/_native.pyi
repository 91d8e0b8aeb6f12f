"""Types of the native module; each part of it by the source that binds it."""

from collections.abc import Callable

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
    def surface(self, text: str) -> list[str]: ...
    def tokens(self, text: str) -> list[str]: ...
    def normalise(self, token: str) -> str | None: ...
    def count(self, text: str) -> int: ...
    @property
    def cheap_normalise(self) -> bool: ...

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
