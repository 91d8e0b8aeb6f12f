"""Answers to questions, measured: exact match and F1, what was cited and read, when to keep silent."""
