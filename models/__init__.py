"""Models from files: directories in hub format, tokenizers, ONNX graphs and sessions, encoders.

Below `index`, `rerank` and `eval`, which share it; nothing here knows what an index is (docs/adr/0006-dense.md).
"""
