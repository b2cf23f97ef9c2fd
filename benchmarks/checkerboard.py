"""How much of a checkerboard an upsampling layer, or an image, has.

A decoder that enlarges by `period` may treat the `period**2` positions of a
pixel in its block (the phases) unequally, which shows as a regular pattern.
There is no agreed measure of it. Here are three, from the cause to the effect:
in the kernel, in the spectrum of an error, and in its mean. All are 0 or about
1 without a pattern, and can be compared between networks of the same task.

Images are float32 `[N, H, W, C]`.
"""

import math

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import layers


def phase_gains(layer: nnx.Module) -> jax.Array:
  """Returns what each output phase of `layer` makes of a constant input.

  Args:
    layer: `layers.ConvTranspose`, `layers.SubpixelConv` or `layers.ResizeConv`.

  Returns:
    `[phases, in_features, out_features]`, the sums of the kernel elements that
    reach each phase. After a resize every phase sees the whole kernel.

  Raises:
    ValueError: a layer without a kernel for each phase, such as unpooling,
      whose gains depend on the image.

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
      # Element t paints phase (t * spacing) % stride, up to a shift of all.
      phase = jnp.arange(layer.kernel_size[axis]) * spacing % stride
      # Phases go behind the axes still to be summed, before the channels.
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
    f'{type(layer).__name__} has no kernel for each phase of its output.'
  )


def gain_spread(layer: nnx.Module) -> jax.Array:
  """Returns how unequal the phases of `layer` are: deviation over mean.

  A layer starts a checkerboard on constant input unless all phases have the
  same gain. The deviation and the mean over the phases are each taken per pair
  of an input and an output channel, and then as a root mean square over the
  pairs, because single means come close to 0.

  NOTE: A kernel size that is a multiple of the stride gives every phase the
  same *number* of elements, not the same sum: phases drawn independently have
  a spread of `sqrt(phases - 1)`, 1.73 at stride 2, for any size.

  Args:
    layer: as in `phase_gains`.

  Returns:
    A scalar, 0 for equal phases (and for a kernel of zeros).

  Reference:
    Sugawara et al., arXiv:1806.02658, section 3: equal gains of the polyphase
    components as the condition for no checkerboard.

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
  """Returns how far the spectrum of `error` stands out at the aliases.

  A pattern that repeats every `period` pixels has all its power at multiples
  of `1 / period` cycles a pixel. The power there, over the median of the bins
  around it, says how visible it is in the midst of other errors.

  NOTE: Powers are added over images and channels before they are divided. A
  Hann window keeps what does not fit together at the borders from leaking
  along the axes; the bins next to an alias, which it spreads to, do not count.

  Args:
    error: `[N, H, W, C]`, outputs minus targets; rows and columns beyond a
      multiple of `period` are left out.
    period: of the pattern, pixels; for a whole decoder its total enlargement.
    reach: bins to each side that count as around.

  Returns:
    A scalar, the mean over the `period**2 - 1` aliases: about 1 for noise (in
    many images; the median of few lies below their mean), large for a
    checkerboard, 0 for no error at all.

  Raises:
    ValueError: an image too small to tell one alias from the next.

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
      f'A period of {period} pixels and a reach of {reach} bins need images of '
      f'at least {period * (reach + 2)} pixels a side; got {height} x {width}.'
    )
  window = np.outer(_hann(height), _hann(width))[None, ..., None]
  spectrum = jnp.fft.fft2(error * window, axes=(1, 2))
  power = jnp.square(jnp.abs(spectrum)).mean((0, 3))
  aliases = np.argwhere(np.ones((period, period)))[1:]  # The first is the mean.
  rows, columns = (aliases * (height // period, width // period)).T
  around = np.argwhere(np.ones(2 * (2 * reach + 1,))) - reach
  around = around[np.abs(around).max(1) > 1]  # Not spread to by the window.
  at = power[rows, columns]
  near = power[
    (rows[:, None] + around[:, 0]) % height,
    (columns[:, None] + around[:, 1]) % width,
  ]
  return jnp.where(at > 0, at / jnp.median(near, axis=1), 0.0).mean()


def phase_variance(error: jax.Array, *, period: int = 2) -> jax.Array:
  """Returns the variance over the pixel phases of the mean error.

  The mean over all images and blocks leaves of every channel one block of
  `period` by `period` values; without a pattern they are equal.

  Args:
    error: `[N, H, W, C]`, outputs minus targets; rows and columns beyond a
      multiple of `period` are left out.
    period: of the pattern, pixels.

  Returns:
    A scalar, the mean over channels, in squared units of `error`: `a**2` for a
    checkerboard of amplitude a, about `period**2 / (N H W)` for unit noise.

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
  """Cuts off what is not a whole block at the lower and right edges."""
  if error.ndim != 4 or min(error.shape[1:3]) < period:
    raise ValueError(
      f'error is [N, H, W, C] of at least {period} pixels a side; got '
      f'{error.shape}.'
    )
  height, width = (size // period * period for size in error.shape[1:3])
  return error[:, :height, :width]


def _hann(size: int) -> np.ndarray:
  """Returns a Hann window of mean 1."""
  return np.float32(1 - np.cos(2 * np.pi * np.arange(size) / size))
