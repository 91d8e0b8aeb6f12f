"""Benchmarks against the engines a Python user can install; `make bench` runs them."""
