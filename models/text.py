"""What text of a passage or query goes to a model: one rule, for encoding, caching and every runtime."""

__all__ = ["clean", "passage_text"]


def passage_text(title: str, text: str) -> str:
    """Title and text as one string, the way MTEB joins them, so that scores compare.

    Example:
        >>> passage_text("Keys", "How to rotate them.")
        'Keys How to rotate them.'
        >>> passage_text("", " alone ")
        'alone'
    """
    return f"{title} {text}".strip()


def clean(text: str) -> str:
    """Text that can be encoded as UTF-8: each lone surrogate, which JSON and file names can bring in, becomes U+FFFD.

    Example:
        >>> clean("a\\ud800b")
        'a�b'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in text)
    return text
