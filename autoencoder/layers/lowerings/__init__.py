"""Private: equal ways to compute a convolution, and one chooser.

`choose.plan` decides, `strided` and `transposed` carry the plan out, and every
other module is one way to compute. They share these conventions:

- `x` is a `[N, *spatial, C]` array, `kernel` a `[*kernel_size, C, F]` array and
  the result a `[N, *output, F]` array (with feature groups: `C // groups`).
- `padding` holds `(low, high)` zeros per spatial axis; negative ones crop.
- `strides` and `dilation` hold one integer per spatial axis.
- `numerics` holds `precision` and `preferred_element_type` of `jax.lax`.
- A transposed convolution maps a small grid to a large one, a strided
  convolution the large grid to the small one. The kernel of a transposed
  convolution is flipped: its last element is the first to be added.
- Weight gradients sum over many positions. Functions that exist for them
  therefore compute in float32 or wider, and return that.
"""
