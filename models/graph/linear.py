"""Products of tokens with weights, in float32 or in int8, and the watching of their inputs.

`Linear` is float32. `Quantised` rounds each token to 8 bits with a scale of its own, so that a vector does not depend
on which texts share its batch: ONNX Runtime's own dynamic quantisation takes one scale for a whole batch, and changed
vectors of all-MiniLM-L6-v2 by up to 0.03 with their company. `Watched` is float32 and hands out the peaks of the
inputs that `Quantised` smooths.

Where an input cannot lie below some number (-0.17 after GELU), most of the 256 codes go to what lies above 0.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spaniel.models.quantize import columns, rows, smoothing

from .builder import Graph

__all__ = ["Linear", "Quantised", "Watched"]

_MIDDLE, _LOW = 128, 16  # codes of 0: inputs of both signs; inputs that are hardly negative
_CODES = 255
_TINY = 1e-12


class Linear:
    """Layers of `graph` in float32. x is (tokens, in), weights are (in, out)."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def affine(
        self,
        name: str,
        x: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        normed: bool = False,
        lowest: float | None = None,
    ) -> str:
        """x W + b.

        Args:
            name: of the layer, for its constants.
            normed: x comes from a normalisation, whose few large dimensions are worth smoothing.
            lowest: what no value of x lies below, at most 0; None where that is not known.
        """
        product = self.graph.op("MatMul", x, self.graph.constant(f"{name}.weight", weight))
        return self.graph.op("Add", product, self.graph.constant(f"{name}.bias", bias))

    def lookup(self, name: str, table: NDArray[np.float32], ids: str) -> str:
        """Rows `ids` of `table`."""
        return self.graph.op("Gather", self.graph.constant(name, table), ids)


class Watched(Linear):
    """Float32; `peaks` maps the names of layers with a normed input to the output with its peaks, float32 (in,)."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.peaks: dict[str, str] = {}

    def affine(
        self,
        name: str,
        x: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        normed: bool = False,
        lowest: float | None = None,
    ) -> str:
        if normed:
            peaks = self.graph.op("ReduceMax", self.graph.op("Abs", x), self.graph.ints(0), keepdims=0)
            self.peaks[name] = self.graph.name_output(peaks, f"peaks.{name}", [len(weight)])
        return super().affine(name, x, weight, bias)


class Quantised(Linear):
    """int8 weights, 8-bit tokens, sums in int32.

    Args:
        peaks: layer -> float32 (in,), what `Watched` saw; layers that are missing are not smoothed.
    """

    def __init__(self, graph: Graph, peaks: Mapping[str, NDArray[np.float32]]) -> None:
        super().__init__(graph)
        self._peaks = peaks

    def affine(
        self,
        name: str,
        x: str,
        weight: NDArray[np.float32],
        bias: NDArray[np.float32],
        *,
        normed: bool = False,
        lowest: float | None = None,
    ) -> str:
        graph = self.graph
        if normed and name in self._peaks:
            factors = smoothing(self._peaks[name], weight)
            x = graph.op("Mul", x, graph.constant(f"{name}.smoothing", 1 / factors))
            weight = weight * factors[:, None]
        codes, scales = columns(weight)
        zero = _MIDDLE if lowest is None else 0 if lowest == 0 else _LOW
        rounded, steps = self._rounded(x, zero, lowest)
        product = graph.contrib(
            "MatMulIntegerToFloat",
            rounded,
            graph.constant(f"{name}.codes", codes),
            graph.scalar(1.0),
            graph.constant(f"{name}.scales", scales),
            self._code(zero, ()),
        )
        return graph.op("Add", graph.op("Mul", product, steps), graph.constant(f"{name}.bias", bias))

    def lookup(self, name: str, table: NDArray[np.float32], ids: str) -> str:
        graph, (codes, scales) = self.graph, rows(table)
        found = graph.op("Cast", graph.op("Gather", graph.constant(f"{name}.codes", codes), ids), to=1)
        return graph.op("Mul", found, graph.op("Gather", graph.constant(f"{name}.scales", scales), ids))

    def _rounded(self, x: str, zero: int, lowest: float | None) -> tuple[str, str]:
        """(uint8 (tokens, in) codes around `zero`, float32 (tokens, 1) what a step of each token is)."""
        graph = self.graph
        top = graph.op("ReduceMax", x, graph.ints(1), keepdims=1)
        least = _TINY
        if lowest is None:
            top = graph.op("Max", top, graph.op("Neg", graph.op("ReduceMin", x, graph.ints(1), keepdims=1)))
        elif lowest < 0:
            least = -lowest / zero
        # 127 steps on either side of the middle, or all the codes above a low zero.
        steps = graph.op("Mul", top, graph.scalar(1.0 / (_CODES - zero)))
        steps = graph.op("Max", steps, graph.scalar(least))
        flat = graph.op("Reshape", steps, graph.ints(-1))
        zeros = graph.op("Expand", self._code(zero, (1,)), graph.op("Shape", flat))
        return graph.op("QuantizeLinear", x, flat, zeros, axis=0), steps

    def _code(self, zero: int, shape: tuple[int, ...]) -> str:
        """A uint8 constant, shared."""
        return self.graph.shared(f"code_{zero}_{len(shape)}", np.full(shape, zero, np.uint8))
