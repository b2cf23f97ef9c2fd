"""The transposed convolution as a layer; the function is in `transpose`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from flax import nnx
from flax.nnx.nn import dtypes
import jax
import jax.numpy as jnp

from autoencoder.layers import initializers
from autoencoder.layers import shapes
from autoencoder.layers import transpose


class ConvTranspose(nnx.ConvTranspose):
  """Transposed convolution, `nnx.ConvTranspose` made fast and complete.

  Same constructor, parameters and results as in Flax, so that a checkpoint
  moves either way. Beyond it: `output_padding`, a call-time `output_shape`,
  `feature_group_count`, `padding_convention` and `'CAUSAL'` padding.

  NOTE: the one difference is where training starts. The default `kernel_init`
  counts only the kernel elements that land on an output
  (`transposed_kernel_init`), so a signal keeps its size; Flax's start, smaller
  by the root of `prod(strides)`, is
  `kernel_init=nnx.initializers.lecun_normal()`.

  Args:
    in_features: number of input channels.
    out_features: number of output channels.
    kernel_size: kernel elements per spatial axis; an integer for one axis.
    strides: enlargement, or one per spatial axis.
    padding: see `conv_transpose`.
    kernel_dilation: spacing of kernel elements, or one per spatial axis.
    use_bias: whether to add a bias.
    mask: array of the kernel's shape that multiplies it, or `None`.
    dtype: dtype of the computation, `None` to infer it.
    param_dtype: dtype of the parameters.
    precision: see `jax.lax.Precision`.
    kernel_init: initialiser of the kernel, `None` for the gain-preserving one.
    bias_init: initialiser of the bias.
    transpose_kernel: whether the kernel is the twin's: reversed, and
      `[*kernel_size, out_features // groups, in_features]`.
    promote_dtype: function bringing `(inputs, kernel, bias)` to one dtype.
    preferred_element_type: dtype of the convolution's result.
    output_padding: see `conv_transpose`.
    feature_group_count: see `conv_transpose`.
    padding_convention: see `conv_transpose`.
    rngs: random streams; `params` is used.
    kernel_metadata: metadata of the kernel parameter.
    bias_metadata: metadata of the bias parameter.

  Raises:
    ValueError: if the features cannot be split into the groups.

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
    use_bias: bool = True,
    mask: jax.Array | None = None,
    dtype: Any = None,
    param_dtype: Any = jnp.float32,
    precision: Any = None,
    kernel_init: initializers.Initializer | None = None,
    bias_init: initializers.Initializer = nnx.initializers.zeros_init(),
    transpose_kernel: bool = False,
    promote_dtype: Any = dtypes.promote_dtype,
    preferred_element_type: Any = None,
    output_padding: shapes.Ints | None = None,
    feature_group_count: int = 1,
    padding_convention: str = 'flax',
    rngs: nnx.Rngs,
    kernel_metadata: Mapping[str, Any] = MappingProxyType({}),
    bias_metadata: Mapping[str, Any] = MappingProxyType({}),
  ):
    size = (kernel_size,) if isinstance(kernel_size, int) else kernel_size
    shapes.per_axis(kernel_size, len(size), 'kernel_size')
    groups = feature_group_count
    shapes.check_groups(in_features, out_features, groups)
    shapes.check_padding(padding, len(size), padding_convention)
    init = kernel_init or initializers.transposed_kernel_init(
      shapes.per_axis(strides, len(size), 'strides'),
      kernel_dilation=shapes.per_axis(
        kernel_dilation, len(size), 'kernel_dilation'
      ),
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
      use_bias=use_bias,
      mask=mask,
      dtype=dtype,
      param_dtype=param_dtype,
      precision=precision,
      kernel_init=grouped_init,
      bias_init=bias_init,
      transpose_kernel=transpose_kernel,
      promote_dtype=promote_dtype,
      preferred_element_type=preferred_element_type,
      rngs=rngs,
      kernel_metadata=kernel_metadata,
      bias_metadata=bias_metadata,
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
      output_shape: wanted spatial shape, `None` for the default; one integer is
        for every axis.

    Returns:
      `[*batch, *output, out_features]` array.

    Raises:
      ValueError: if `inputs`, the mask or `output_shape` do not fit.
    """
    kernel = self.kernel[...]
    if self.mask is not None:
      if self.mask.shape != kernel.shape:
        raise ValueError(
          f'mask {self.mask.shape} must have the shape of the kernel '
          f'{kernel.shape}.'
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
