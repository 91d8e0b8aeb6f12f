"""LLMs as judges: chat models, prompts, and what to make of their answers."""
