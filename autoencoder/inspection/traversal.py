"""Walks through the latent: between two images, and along a channel.

A decoder may get more than the latent: features of skip connections, switches,
and the input that a residual model adds. `describe_held` says what.
"""

from typing import NamedTuple

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder.models import encoder as encoder_lib

# What the names in a model's `side_inputs` mean.
_SIDE_INPUTS = {
  'skips': 'the features of the skip connections',
  'switches': 'the places of the maxima',
  'input': 'the input, which is added to the output',
}


class Code(NamedTuple):
  """What an encoder makes of images.

  Attributes:
    encoded: latent, skips and switches.
    x: `[N, H, W, C]`, the images; a residual model adds them to its answer.
  """

  encoded: encoder_lib.Encoded
  x: jax.Array


def encode(model: nnx.Module, x: jax.Array) -> Code:
  """Returns the code of `[N, H, W, C]` images in [0, 1].

  Args:
    model: a `models.Inspectable`; a codec's latent is not rounded here.
    x: the images.
  """
  return Code(model.encode(x), x)


def decode(model: nnx.Module, code: Code) -> jax.Array:
  """Returns the model's answer to `code`: `decode(encode(x))` is `model(x)`."""
  return model.answer(code.encoded, code.x)


def describe_held(model: nnx.Module) -> list[str]:
  """Returns what the decoder gets besides the latent, in words."""
  return [_SIDE_INPUTS.get(name, name) for name in model.side_inputs]


def interpolate(start: Code, end: Code, share: jax.Array) -> Code:
  """Returns codes on the straight line between two.

  Everything is interpolated, but switches, which are those of the nearer end:
  at 0 and 1 the answer is the plain one to either image.

  Args:
    start: of one image, N = 1.
    end: of another of the same size.
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
  """Returns codes whose latent alone is interpolated; the rest is `start`'s.

  In a model without skips and residual it is the same as `interpolate`.
  """
  count = len(share)
  latent = interpolate(start, end, share).encoded.latent
  held = jax.tree.map(lambda a: jnp.repeat(a, count, 0), start)
  return held._replace(encoded=held.encoded._replace(latent=latent))


def sweep(code: Code, channel: jax.Array, offsets: jax.Array) -> Code:
  """Returns codes with one channel of the latent moved, everywhere alike.

  Args:
    code: of one image, N = 1; all else stays.
    channel: which.
    offsets: `[N]`, added to the channel.
  """
  held = jax.tree.map(lambda a: jnp.repeat(a, len(offsets), 0), code)
  latent = held.encoded.latent
  only = jnp.arange(latent.shape[-1]) == channel
  moved = latent + offsets[:, None, None, None] * only[None, None, None]
  moved = moved.astype(latent.dtype)
  return held._replace(encoded=held.encoded._replace(latent=moved))
