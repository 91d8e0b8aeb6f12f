"""The ways in which clients speak to rerankers: one file each, from its words to ours and back."""
