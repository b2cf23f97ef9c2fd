"""Three measures of the checkerboard of an upsampling layer or of an image.

A decoder that enlarges by `period` may treat the `period**2` positions of a
pixel in its block (the phases) unequally. The result is a regular pattern, for
which there is no standard measure. These three go from the cause to the effect:
they measure the kernel, the spectrum of the error, and the mean error. Without
a pattern each is 0 or about 1. They can be compared between networks for the
same task.

Images are float32 `[N, H, W, C]`.
"""

import math

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import layers


def phase_gains(layer: nnx.Module) -> jax.Array:
  """Returns the gain of each output phase of `layer` for a constant input.

  Args:
    layer: `layers.ConvTranspose`, `layers.SubpixelConv` or `layers.ResizeConv`.

  Returns:
    `[phases, in_features, out_features]`, for each phase the sum of the kernel
    elements that reach it. After a resize, every phase sees the whole kernel.

  Raises:
    ValueError: the layer has no kernel elements for each phase. An example is
      unpooling, whose gains depend on the image.

  Example:

    >>> ones = nnx.initializers.ones
    >>> layer = layers.ConvTranspose(
    ...   1, 1, (3, 3), strides=(2, 2), kernel_init=ones, rngs=nnx.Rngs(0)
    ... )
    >>> sorted(phase_gains(layer)[:, 0, 0].tolist())
    [1.0, 2.0, 2.0, 4.0]
  """
  if isinstance(layer, layers.ConvTranspose):
    gains = layer.kernel[...]
    if layer.transpose_kernel:
      gains = gains.swapaxes(-1, -2)
    rank = len(layer.kernel_size)
    strides, spacings = layer.strides or 1, layer.kernel_dilation or 1
    for axis in range(rank):
      stride = strides if isinstance(strides, int) else strides[axis]
      spacing = spacings if isinstance(spacings, int) else spacings[axis]
      # Kernel element t reaches phase (t * spacing) % stride, up to a shift
      # that is the same for all elements.
      phase = jnp.arange(layer.kernel_size[axis]) * spacing % stride
      # The new phase axis goes after the axes that are still to be summed, and
      # before the channels.
      gains = jnp.moveaxis(
        jnp.tensordot(jax.nn.one_hot(phase, stride, axis=0), gains, (1, 0)),
        0,
        rank - 1,
      )
    return gains.reshape(-1, *gains.shape[-2:])
  if isinstance(layer, layers.SubpixelConv):
    phases = math.prod(layer.factors)
    kernel = layer.kernel[...]
    total = kernel.sum(tuple(range(kernel.ndim - 2)))
    return total.reshape(total.shape[0], phases, -1).swapaxes(0, 1)
  if isinstance(layer, layers.ResizeConv):
    kernel = layer.kernel[...]
    total = kernel.sum(tuple(range(kernel.ndim - 2)))
    return jnp.tile(total, (math.prod(layer.factors), 1, 1))
  raise ValueError(
    f'{type(layer).__name__} has no kernel for each phase of its output; pass '
    'ConvTranspose, SubpixelConv or ResizeConv.'
  )


def gain_spread(layer: nnx.Module) -> jax.Array:
  """Returns the standard deviation of the phase gains over their mean.

  A layer turns a constant input into a checkerboard unless all phases have the
  same gain. The deviation and the mean over the phases are computed for each
  pair of an input and an output channel. The result is the ratio of their root
  mean squares over the pairs, because the mean of a single pair can be close to
  0.

  NOTE: A kernel size that is a multiple of the stride gives every phase the
  same *number* of elements, not the same sum. Phases that are initialised
  independently have a spread of `sqrt(phases - 1)`, which is 1.73 at stride 2,
  for any kernel size.

  Args:
    layer: as for `phase_gains`.

  Returns:
    A scalar, 0 for equal phases and for a kernel of zeros.

  Reference:
    Sugawara et al., arXiv:1806.02658, section 3: there is no checkerboard if
    the gains of the polyphase components are equal.

  Example:

    >>> layer = layers.ResizeConv(2, 3, (3, 3), (2, 2), rngs=nnx.Rngs(0))
    >>> float(gain_spread(layer))
    0.0
  """
  gains = phase_gains(layer)
  spread = jnp.sqrt(gains.var(0).mean())
  mean = jnp.sqrt(jnp.square(gains.mean(0)).mean())
  return jnp.where(spread > 0, spread / mean, 0.0)


def alias_ratio(
  error: jax.Array, *, period: int = 2, reach: int = 3
) -> jax.Array:
  """Returns the spectral power of `error` at the aliases over its surroundings.

  A pattern that repeats every `period` pixels has all its power at multiples
  of `1 / period` cycles per pixel, the aliases. Its power there, divided by the
  median of the frequency bins around it, tells how visible the pattern is among
  other errors.

  NOTE: Powers are averaged over images and channels before the division. A
  Hann window prevents the discontinuity between opposite borders from leaking
  along the axes. The window spreads an alias to the bins next to it, so these
  do not count as surroundings.

  Args:
    error: `[N, H, W, C]`, outputs minus targets. Rows and columns beyond a
      multiple of `period` are ignored.
    period: of the pattern, in pixels. For a whole decoder, its total
      enlargement.
    reach: number of bins on each side that count as surroundings.

  Returns:
    A scalar, the mean over the `period**2 - 1` aliases: about 1 for noise,
    large for a checkerboard, 0 without any error. (For few images of noise it
    is above 1, because the median of few bins lies below their mean.)

  Raises:
    ValueError: the images are too small to separate neighbouring aliases.

  Example:

    >>> noise = jax.random.normal(jax.random.key(0), (64, 32, 32, 3))
    >>> y, x = np.indices((1, 32, 32, 1))[1:3]
    >>> [alias_ratio(noise + a * (-1) ** (y + x)).item() > 100 for a in (0, 1)]
    [False, True]
  """
  error = _whole_blocks(error, period)
  height, width = error.shape[1:3]
  if min(height, width) < period * (reach + 2):
    raise ValueError(
      f'Got images of {height} x {width} pixels; a period of {period} and a '
      f'reach of {reach} need at least {period * (reach + 2)} pixels a side.'
    )
  window = np.outer(_hann(height), _hann(width))[None, ..., None]
  spectrum = jnp.fft.fft2(error * window, axes=(1, 2))
  power = jnp.square(jnp.abs(spectrum)).mean((0, 3))
  aliases = np.argwhere(np.ones((period, period)))[1:]  # The first is the mean.
  rows, columns = (aliases * (height // period, width // period)).T
  around = np.argwhere(np.ones(2 * (2 * reach + 1,))) - reach
  # The window spreads an alias to its direct neighbours.
  around = around[np.abs(around).max(1) > 1]
  at = power[rows, columns]
  near = power[
    (rows[:, None] + around[:, 0]) % height,
    (columns[:, None] + around[:, 1]) % width,
  ]
  return jnp.where(at > 0, at / jnp.median(near, axis=1), 0.0).mean()


def phase_variance(error: jax.Array, *, period: int = 2) -> jax.Array:
  """Returns the variance over the pixel phases of the mean error.

  The mean over all images and blocks is one block of `period` by `period`
  values for each channel. Without a pattern these values are equal.

  Args:
    error: `[N, H, W, C]`, outputs minus targets. Rows and columns beyond a
      multiple of `period` are ignored.
    period: of the pattern, in pixels.

  Returns:
    A scalar, the mean over the channels, in squared units of `error`. It is
    `a**2` for a checkerboard of amplitude a, and about `period**2 / (N H W)`
    for noise of variance 1.

  Example:

    >>> y, x = jnp.indices((1, 8, 8, 1))[1:3]
    >>> float(phase_variance(0.5 * (-1.0) ** (y + x)))
    0.25
  """
  error = _whole_blocks(error, period)
  images, height, width, channels = error.shape
  blocks = error.reshape(
    images, height // period, period, width // period, period, channels
  )
  return blocks.mean((0, 1, 3)).var((0, 1)).mean()


def _whole_blocks(error: jax.Array, period: int) -> jax.Array:
  """Crops incomplete blocks at the lower and right edges."""
  if error.ndim != 4 or min(error.shape[1:3]) < period:
    raise ValueError(
      f'Got an error of shape {error.shape}; pass [N, H, W, C] with at least '
      f'{period} pixels a side.'
    )
  height, width = (size // period * period for size in error.shape[1:3])
  return error[:, :height, :width]


def _hann(size: int) -> np.ndarray:
  """Returns a Hann window of mean 1."""
  return np.float32(1 - np.cos(2 * np.pi * np.arange(size) / size))
