"""The layer `ConvTranspose`; module `transpose` has it as a function."""

from typing import Any

from flax import nnx
import jax

from autoencoder.layers import initializers
from autoencoder.layers import shapes
from autoencoder.layers import transpose


class ConvTranspose(nnx.ConvTranspose):
  """Transposed convolution: `nnx.ConvTranspose`, faster and with more options.

  Constructor, parameters and results are those of Flax, so that checkpoints are
  interchangeable. Added are `output_padding`, an `output_shape` per call,
  `feature_group_count`, `padding_convention` and `'CAUSAL'` padding.

  NOTE: Only the initial kernel differs. The default `kernel_init` counts only
  the kernel elements that reach an output (`transposed_kernel_init`), so that a
  signal keeps its variance. Flax's default divides the standard deviation by
  the root of `prod(strides)` more: `nnx.initializers.lecun_normal()`.

  Args:
    in_features: number of input channels.
    out_features: number of output channels.
    kernel_size: kernel elements per spatial axis; an integer for one axis.
    strides: enlargement, or one per spatial axis.
    padding: see `conv_transpose`.
    kernel_dilation: spacing of kernel elements, or one per spatial axis.
    kernel_init: initialiser of the kernel, `None` for the default above.
    transpose_kernel: whether the kernel is that of the forward convolution: not
      flipped, and `[*kernel_size, out_features // groups, in_features]`.
    output_padding: see `conv_transpose`.
    feature_group_count: see `conv_transpose`.
    padding_convention: see `conv_transpose`.
    rngs: random streams; `params` is used.
    **kwargs: further keyword arguments of `nnx.ConvTranspose`.

  Raises:
    ValueError: if the features cannot be split into the groups, or sizes or
      padding are not accepted.

  Example::

    >>> from flax import nnx
    >>> import jax.numpy as jnp
    >>> layer = ConvTranspose(3, 8, (4, 4), strides=(2, 2), rngs=nnx.Rngs(0))
    >>> layer.kernel.shape
    (4, 4, 3, 8)
    >>> layer(jnp.ones((1, 16, 16, 3))).shape
    (1, 32, 32, 8)
  """

  def __init__(
    self,
    in_features: int,
    out_features: int,
    kernel_size: shapes.Ints,
    strides: shapes.Ints | None = None,
    *,
    padding: shapes.Padding = 'SAME',
    kernel_dilation: shapes.Ints | None = None,
    kernel_init: initializers.Initializer | None = None,
    transpose_kernel: bool = False,
    output_padding: shapes.Ints | None = None,
    feature_group_count: int = 1,
    padding_convention: str = 'flax',
    rngs: nnx.Rngs,
    **kwargs: Any,
  ):
    rank = 1 if isinstance(kernel_size, int) else len(kernel_size)
    shapes.per_axis(kernel_size, rank, 'kernel_size')
    groups = feature_group_count
    shapes.check_groups(in_features, out_features, groups)
    shapes.check_padding(padding, rank, padding_convention)
    init = kernel_init or initializers.transposed_kernel_init(
      shapes.per_axis(strides, rank, 'strides'),
      kernel_dilation=shapes.per_axis(kernel_dilation, rank, 'kernel_dilation'),
      transpose_kernel=transpose_kernel,
      feature_group_count=groups,
    )

    def grouped_init(key, shape, dtype):
      return init(key, (*shape[:-2], shape[-2] // groups, shape[-1]), dtype)

    super().__init__(
      in_features,
      out_features,
      kernel_size,
      strides,
      padding=padding,
      kernel_dilation=kernel_dilation,
      kernel_init=grouped_init,
      transpose_kernel=transpose_kernel,
      rngs=rngs,
      **kwargs,
    )
    self.kernel_shape = self.kernel.shape
    self.output_padding = output_padding
    self.feature_group_count = groups
    self.padding_convention = padding_convention

  def __call__(
    self, inputs: jax.Array, *, output_shape: shapes.Ints | None = None
  ) -> jax.Array:
    """Applies the layer.

    Args:
      inputs: `[*batch, *spatial, in_features]` array.
      output_shape: wanted spatial shape, `None` for the default; an integer
        applies to every axis.

    Returns:
      `[*batch, *output, out_features]` array.

    Raises:
      ValueError: if `inputs`, the mask or `output_shape` do not fit.
    """
    kernel = self.kernel[...]
    if self.mask is not None:
      if self.mask.shape != kernel.shape:
        raise ValueError(
          f'mask must have the shape of the kernel, {kernel.shape}, got '
          f'{self.mask.shape}.'
        )
      kernel = kernel * self.mask
    bias = self.bias[...] if self.bias is not None else None
    inputs, kernel, bias = self.promote_dtype(
      (inputs, kernel, bias), dtype=self.dtype
    )
    y = transpose.conv_transpose(
      inputs,
      kernel,
      self.strides,
      self.padding,
      kernel_dilation=self.kernel_dilation,
      output_padding=self.output_padding,
      output_shape=output_shape,
      feature_group_count=self.feature_group_count,
      padding_convention=self.padding_convention,
      transpose_kernel=self.transpose_kernel,
      precision=self.precision,
      preferred_element_type=self.preferred_element_type,
    )
    if bias is not None:
      y = y + bias.reshape((1,) * (y.ndim - 1) + (-1,))
    return y
