"""Encoders: texts to vectors, by ONNX Runtime, sentence-transformers or an endpoint; `open_encoder` opens any."""
