"""Projects channels back to pixels: which parts of an image activate them.

A 'deconvnet' (Zeiler and Fergus, "Visualizing and understanding convolutional
networks", arXiv:1311.2901) reverses each convolution by its transpose, each
pooling by its switches, and each ReLU by a ReLU.

NOTE: Without pooling, that projection depends on the image only by a factor.
Therefore 'guided' projections (Springenberg et al., "Striving for simplicity",
arXiv:1412.6806) also stop the signal where the ReLU stopped it in the forward
pass.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from autoencoder import layers
from autoencoder.inspection import steps as steps_lib
from autoencoder.models import inputs

# Which signals a ReLU passes back: (only where its input was positive, only
# positive ones). 'gradient' gives the gradient of the network, except that the
# divisors of GDN are held fixed.
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

  Biases are ignored. Through a residual block the signal takes both ways, and
  the results are added; the rule applies to the ReLU of the block's branch. GDN
  divides by the same divisor as in the forward pass.

  Args:
    steps: the part of the encoder up to the features.
    x: `[N, H, W, C]`, the images of the features.
    seed: `[N, h, w, F]`, the features to project: those of the images, or all
      but one of them set to 0.
    rule: one of `RULES`, or a pair of `[N, 1, 1, 1]` with one rule per image.

  Returns:
    `[N, H, W, C]` float32, around 0.

  Example:

    steps = encoder_steps(model)
    pixels = project(steps, x, latent * only_one, RULES['guided'])
  """
  kept = [each for _, each in steps_lib.trace(steps, x)]
  forwards, backwards = rule
  signal = seed.astype(jnp.float32)
  saved: list[jax.Array] = []
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
        saved.append(signal)
      case 'fork':
        # There is no saved signal if the features are inside the block.
        signal = signal + saved.pop() if saved else signal
  return signal


def _transpose(conv, signal: jax.Array, size: Sequence[int]) -> jax.Array:
  """Returns the transpose of a convolution whose input has `size`."""
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
