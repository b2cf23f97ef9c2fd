"""Checkpoints of our layers load into Flax's layers, and the reverse."""

from flax import nnx
import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from autoencoder import layers


class _Pair(nnx.Module):
  """Downsampling and upsampling by layers of one library."""

  def __init__(self, library, seed):
    rngs, noise = nnx.Rngs(seed), nnx.initializers.normal(1.0)
    self.down = library.Conv(3, 8, (4, 3), (2, 3), bias_init=noise, rngs=rngs)
    self.up = library.ConvTranspose(
      8, 3, (5, 4), (2, 3), transpose_kernel=True, bias_init=noise, rngs=rngs
    )

  def __call__(self, x):
    return self.up(self.down(x))


@pytest.mark.parametrize('source, target', [(layers, nnx), (nnx, layers)])
def test_a_checkpoint_moves(tmp_path, source, target):
  saved, other = _Pair(source, 0), _Pair(target, 1)
  x = jax.random.normal(jax.random.key(2), (2, 8, 9, 3))
  assert abs(saved(x) - other(x)).max() > 0.1
  with ocp.StandardCheckpointer() as checkpointer:
    checkpointer.save(tmp_path / 'state', nnx.state(saved, nnx.Param))
    checkpointer.wait_until_finished()
    state = checkpointer.restore(
      tmp_path / 'state', nnx.state(other, nnx.Param)
    )
  nnx.update(other, state)
  np.testing.assert_allclose(other(x), saved(x), rtol=1e-5, atol=1e-5)
