// Coordinate descent over the bits of codes: each bit is turned when the code then stands for a vector nearer to its own.
//
// Shen, Shen, Liu and Shen, "Supervised Discrete Hashing", CVPR 2015, sec. 3.2 (discrete cyclic coordinate descent), on the error
// that "Accelerating Large-Scale Inference with Anisotropic Vector Quantization" (Guo et al., ICML 2020) minimises: that of the
// vector, and again that along the passage's own vector, where the queries it should be found by lie.
#include <vector>

#include "arrays.hpp"
#include "binary_simd.hpp"

namespace spaniel {
namespace {

struct Descent {
  size_t n_bits;
  const float* gram;  // (n_bits, n_bits): dot products of the columns of W
  unsigned sweeps;
  float along;  // weight of the squared error along x

  // code: n_bits / 8 bytes. slope[j] = w_j . e for the error e = x - centre - W b; toward[j] = w_j . x; off = e . x. The latter
  // two are of no use where `along` is 0. Turning bit j makes |e|^2 greater by 4 b_j slope[j] + 4 |w_j|^2.
  void run(uint8_t* code, float* slope, const float* toward, float off) const {
    const BinaryKernels& kernels = binary_kernels();
    for (unsigned sweep = 0; sweep < sweeps; ++sweep) {
      bool turned = false;
      for (size_t j = 0; j < n_bits; ++j) {
        const float sign = code[j / 8] >> (j % 8) & 1 ? 1.0f : -1.0f, length = gram[j * n_bits + j];
        float change = 4.0f * (sign * slope[j] + length);
        float off_then = 0;
        if (along > 0) {
          off_then = off + 2.0f * sign * toward[j];
          change += along * (off_then * off_then - off * off);
        }
        // Gains within rounding are none: a bit could go to and fro.
        if (!(change < -1e-4f * length)) continue;
        code[j / 8] = static_cast<uint8_t>(code[j / 8] ^ 1u << j % 8);
        kernels.add_scaled(slope, gram + j * n_bits, n_bits, 2.0f * sign);
        off = off_then;
        turned = true;
      }
      if (!turned) return;
    }
  }
};

}  // namespace

void bind_binary_refine(nb::module_& m) {
  // codes uint8 (n, n_bits / 8), slope float32 (n, n_bits): changed in place. toward float32 (n, n_bits) and off float32 (n,), or
  // both empty with along = 0.
  m.def("refine_codes", [](nb::ndarray<uint8_t, nb::c_contig, nb::device::cpu> codes, nb::ndarray<float, nb::c_contig, nb::device::cpu> slope,
                           const In<float>& gram, const In<float>& toward, const In<float>& off, unsigned sweeps, float along) {
    const size_t n = codes.ndim() == 2 ? codes.shape(0) : 0, n_bytes = n ? codes.shape(1) : 0, n_bits = 8 * n_bytes;
    if (n == 0) return;
    bool fits = slope.size() == n * n_bits && gram.size() == n_bits * n_bits;
    if (along > 0) fits = fits && toward.size() == n * n_bits && off.size() == n;
    if (!fits) throw nb::value_error("sizes of codes and sums do not fit");
    nb::gil_scoped_release unlocked;
    Descent descent{n_bits, gram.data(), sweeps, along};
    for (size_t i = 0; i < n; ++i) {
      const float* row = along > 0 ? toward.data() + i * n_bits : nullptr;
      descent.run(codes.data() + i * n_bytes, slope.data() + i * n_bits, row, along > 0 ? off.data()[i] : 0.0f);
    }
  }, nb::arg("codes").noconvert(), nb::arg("slope").noconvert(), nb::arg("gram"), nb::arg("toward"), nb::arg("off"), nb::arg("sweeps"), nb::arg("along"));
}

}  // namespace spaniel
