"""A chat model with one thing to say."""

from collections.abc import Sequence

from spaniel.rerank.llm.chat import Message, Reply


class Saying:
    """Keeps what it was asked."""

    name = "saying"

    def __init__(self, text: str, cut: bool = False) -> None:
        self.text, self.cut = text, cut
        self.asked: list[Sequence[Message]] = []

    def chat(self, messages: Sequence[Message], *, max_tokens: int, logprobs: int = 0) -> Reply:
        self.asked.append(messages)
        return Reply(self.text, cut=self.cut)

    def close(self) -> None:
        pass
