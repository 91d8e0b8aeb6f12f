"""ONNX graphs of transformer encoders, built from config.json and safetensors: neither torch nor optimum takes part.

`config.py` reads and bounds the configuration, `weights.py` hands out one checked tensor after another, `families.py`
says how each architecture names and shapes them, `builder.py` makes nodes, `encoder.py` and `heads.py` the graph,
`gate.py` holds int8 to fp32, `export.py` writes the folder.
"""
