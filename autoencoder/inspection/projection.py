"""From a channel back to pixels: what in an image makes it answer.

Zeiler and Fergus, "Visualizing and understanding convolutional networks",
arXiv:1311.2901: each convolution is undone by its transpose, each pooling by
its switches, each ReLU by a ReLU.

NOTE: Without pooling, that projection does not depend on the image, but for its
size. Springenberg et al., "Striving for simplicity", arXiv:1412.6806,
therefore also stop the signal where the ReLU stopped it on its way forwards
('guided').
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from autoencoder import layers
from autoencoder.inspection import steps as steps_lib
from autoencoder.models import inputs

# What a ReLU lets back: (only where it was open forwards, only what is
# positive). 'gradient' is the exact transpose of the network, each ReLU and
# each pooling held as it was.
RULES = {
  'deconvnet': (False, True),
  'guided': (True, True),
  'gradient': (True, False),
}


def project(
  steps: Sequence[steps_lib.Step],
  x: jax.Array,
  seed: jax.Array,
  rule: tuple[bool | jax.Array, bool | jax.Array] = RULES['deconvnet'],
) -> jax.Array:
  """Returns the projection of features into the space of the input.

  Biases are left out. Of a residual block, the signal goes back along both
  ways, the rule holding for the ReLU of its branch, and is added. GDN keeps the
  divisor that it had for `x`.

  Args:
    steps: the part of the encoder up to the features.
    x: `[N, H, W, C]`, the images that the features are of.
    seed: `[N, h, w, F]`, what is projected: the features themselves, or all but
      one of them set to 0.
    rule: one of `RULES`, or a pair of `[N, 1, 1, 1]`, one for each image.

  Returns:
    `[N, H, W, C]` float32, around 0.

  Example:

    steps = encoder_steps(model)
    pixels = project(steps, x, latent * only_one, RULES['guided'])
  """
  kept = [each for _, each in steps_lib.trace(steps, x)]
  forwards, backwards = rule
  signal = seed.astype(jnp.float32)
  beside = []
  for step, known in zip(reversed(steps), reversed(kept)):
    match step.kind:
      case 'standardise':
        signal = signal / inputs.SCALE
      case 'conv':
        signal = _transpose(step.layer, signal, known)
      case 'relu':
        is_open = known | jnp.logical_not(forwards)
        is_open &= (signal > 0) | jnp.logical_not(backwards)
        signal = jnp.where(is_open, signal, 0.0)
      case 'gdn' if step.layer.inverse:
        signal = signal * known
      case 'gdn':
        signal = signal / known
      case 'pool':
        switches, size = known
        unpool = layers.MaxUnpool(step.layer.window_shape)
        signal = unpool(signal, switches, output_shape=size)
      case 'join':
        beside.append(signal)
      case 'fork':
        # None beside it where the features are inside of the block.
        signal = signal + beside.pop() if beside else signal
  return signal


def _transpose(conv, signal: jax.Array, size: Sequence[int]) -> jax.Array:
  """Returns the transpose of a convolution of an image of `size`."""
  _, strides, dilation = steps_lib.geometry(conv)
  named = isinstance(conv.padding, str)
  return layers.conv_transpose(
    signal,
    conv.kernel[...],
    strides,
    conv.padding,
    kernel_dilation=dilation,
    output_shape=size,
    feature_group_count=conv.feature_group_count,
    padding_convention='flax' if named else 'torch',
    transpose_kernel=True,
  )
