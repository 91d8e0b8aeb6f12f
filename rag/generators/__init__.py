"""What writes answers: sentences of the sources, an OpenAI-compatible server, a langchain-core chat model."""
