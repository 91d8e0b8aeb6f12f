"""From a question and excerpts to the messages that a chat model is sent."""

from .budget import fitted, prompt_tokens, without_last
from .new import new_prompt
from .refusal import NO_ANSWER, refuses
from .rendering import rendered

__all__ = ["NO_ANSWER", "fitted", "new_prompt", "prompt_tokens", "refuses", "rendered", "without_last"]
