"""Types of the native module; each part of it by the source that binds it."""

from collections.abc import Callable

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
