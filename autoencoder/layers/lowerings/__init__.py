"""Private: equal ways to compute a convolution, and one chooser.

`choose.plan` decides, `planned` and `ways` carry the plan out, and every other
module is one way to compute. They share these conventions:

- `x` is a `[N, *spatial, C]` array, `kernel` a `[*kernel_size, C, F]` array and
  the result a `[N, *output, F]` array (with feature groups: `C // groups`).
- `padding` or `edges` hold `(low, high)` zeros per spatial axis; negative ones
  crop.
- `strides` and `dilation` hold one integer per spatial axis.
- `windows` hold the part of the canvas per spatial axis, see `layers.shapes`.
- `numerics` holds `precision` and `preferred_element_type` of `jax.lax`.
- `convolve` is a stride-1 convolution of an image with a kernel, given padding.
- A transposed convolution maps a small grid to a large one, a strided
  convolution the large grid to the small one. The kernel of a transposed
  convolution is flipped: its last element is the first to be added.
- A weight gradient is made of `large`, a `[N, *spatial, C]` array on the large
  grid, and `small`, a `[N, *spatial, F]` array: input and output cotangent, or
  the reverse. It sums over many positions. Functions that exist for it compute
  in float32 or wider, and return `[*kernel_size, C, F]` of that.
"""
