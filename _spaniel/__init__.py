"""Retrieval and RAG for Python."""
