"""Changes of a latent: between two images, and along one channel.

A decoder may use more than the latent: features of skip connections, pooling
switches, and the input that a residual model adds. `describe_held` names them.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from autoencoder import models
from autoencoder.models import encoder as encoder_lib

# Names in a model's `side_inputs`, in words.
_SIDE_INPUTS = {
  'skips': 'the features of the skip connections',
  'switches': 'the positions of the maxima',
  'input': 'the input, which is added to the output',
}


class Code(NamedTuple):
  """The encoder's output for images, with all that the decoder uses.

  Attributes:
    encoded: latent, skips and switches.
    x: `[N, H, W, C]`, the images, which a residual model adds to its output.
  """

  encoded: encoder_lib.Encoded
  x: jax.Array


def encode(model: models.Inspectable, x: jax.Array) -> Code:
  """Returns the code of `[N, H, W, C]` images in [0, 1].

  Args:
    model: a `models.Inspectable`. The latent of a codec is not rounded.
    x: the images.
  """
  return Code(model.encode(x), x)


def decode(model: models.Inspectable, code: Code) -> jax.Array:
  """Returns the output for a code: `decode(encode(x))` is `model(x)`."""
  return model.answer(code.encoded, code.x)


def describe_held(model: models.Inspectable) -> list[str]:
  """Returns the decoder's inputs besides the latent, in words."""
  return [_SIDE_INPUTS.get(name, name) for name in model.side_inputs]


def interpolate(start: Code, end: Code, share: jax.Array) -> Code:
  """Returns codes on the straight line between two codes.

  Everything is interpolated except switches, which are taken from the nearer
  end. So the ends are the model's outputs for the two images.

  Args:
    start: of one image, N = 1.
    end: of another image of the same size.
    share: `[N]`, 0 at the start and 1 at the end.
  """
  share = jnp.asarray(share)

  def between(a, b):
    weight = share.reshape(-1, *[1] * (a.ndim - 1))
    if jnp.issubdtype(a.dtype, jnp.integer):
      return jnp.where(weight < 0.5, a, b)
    weight = weight.astype(a.dtype)
    return (1 - weight) * a + weight * b

  return jax.tree.map(between, start, end)


def interpolate_latent(start: Code, end: Code, share: jax.Array) -> Code:
  """Returns codes with only the latent interpolated, the rest from `start`.

  For a model without skips and residual this equals `interpolate`.
  """
  count = len(share)
  latent = interpolate(start, end, share).encoded.latent
  held = jax.tree.map(lambda a: jnp.repeat(a, count, 0), start)
  return held._replace(encoded=held.encoded._replace(latent=latent))


def sweep(code: Code, channel: jax.Array, offsets: jax.Array) -> Code:
  """Returns codes with one channel of the latent changed, equally everywhere.

  Args:
    code: of one image, N = 1; everything else stays.
    channel: index of the channel.
    offsets: `[N]`, added to the channel.
  """
  held = jax.tree.map(lambda a: jnp.repeat(a, len(offsets), 0), code)
  latent = held.encoded.latent
  only = jnp.arange(latent.shape[-1]) == channel
  moved = latent + offsets[:, None, None, None] * only[None, None, None]
  moved = moved.astype(latent.dtype)
  return held._replace(encoded=held.encoded._replace(latent=moved))
