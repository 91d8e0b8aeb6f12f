"""Makes a `Prompt`: checks what goes in, and finds a nonce that nothing in it holds."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence

from spaniel.retrieval.errors import InvalidInput, LimitExceeded
from spaniel.retrieval.prompt import Excerpt, Prompt, Turn

__all__ = ["MAX_CHARS", "fresh_nonce", "new_prompt", "texts_of"]

MAX_CHARS = 8 << 20
"""Of all texts of a prompt together: more than any model reads."""
_NONCE_LETTERS = 12


def new_prompt(
    question: str,
    excerpts: Sequence[Excerpt],
    *,
    history: Sequence[Turn] = (),
    instructions: str = "",
    max_tokens: int = 512,
    seed: int | None = None,
) -> Prompt:
    """A prompt whose nonce stands in none of its texts.

    Args:
        excerpts: in the order in which they are shown; none for an answer from what the model knows by itself.
        history: earlier turns, oldest first.
        instructions: about form and duty, in place of ours.
        max_tokens: that the answer may have.
        seed: the nonce is a hash of it and all texts, so that the same call gives the same prompt: for caches and
            tests. Whoever writes a passage cannot foresee it without finding a text that holds its own hash. A random
            one by default.

    Raises:
        InvalidInput: a blank question, `max_tokens` below 1.
        LimitExceeded: texts of more than `MAX_CHARS` characters together.

    Example:
        >>> new_prompt("who?", [], seed=0).nonce
        '041802405cde'
    """
    if not isinstance(question, str) or not question.strip():
        raise InvalidInput("question", "is blank")
    if max_tokens < 1:
        raise InvalidInput("max_tokens", f"is {max_tokens}; it must be at least 1")
    bare = Prompt(question, tuple(excerpts), instructions, tuple(history), "", max_tokens)
    total = sum(map(len, texts_of(bare)))
    if total > MAX_CHARS:
        raise LimitExceeded("characters of a prompt", total, MAX_CHARS)
    nonce = fresh_nonce(texts_of(bare), seed)
    return Prompt(question, bare.excerpts, instructions, bare.history, nonce, max_tokens)


def texts_of(prompt: Prompt) -> list[str]:
    """Everything in a prompt that somebody else wrote."""
    shown = [text for each in prompt.excerpts for text in (each.passage.title, each.text)]
    return [prompt.question, prompt.instructions, *(turn.text for turn in prompt.history), *shown]


def fresh_nonce(texts: Iterable[str], seed: int | None) -> str:
    """Twelve hexadecimal digits that stand in none of the texts."""
    texts = list(texts)
    digest = hashlib.sha256(str(seed).encode())
    for text in texts:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\xff")
    while True:
        nonce = secrets.token_hex(_NONCE_LETTERS // 2) if seed is None else digest.hexdigest()[:_NONCE_LETTERS]
        if not any(nonce in text.lower() for text in texts):
            return nonce
        digest.update(b"again")
