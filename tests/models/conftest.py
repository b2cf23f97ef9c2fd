"""Small autoencoders: untrained, and with all kernels filled."""

from flax import nnx
import jax
import pytest

from autoencoder import models


@pytest.fixture(scope='session')
def make():
  """`make(**options)`: an untrained autoencoder of two scales."""

  def make(**kwargs):
    options = {'widths': (8, 12), 'latent_channels': 4, 'stem_stride': 2}
    options |= kwargs
    return models.Autoencoder(3, 3, **options, rngs=nnx.Rngs(0))

  return make


@pytest.fixture(scope='session')
def trained_looking():
  """`trained_looking(model)`: fills zero kernels, so that all paths count."""

  def trained_looking(model, seed=1):
    graphdef, state = nnx.split(model)
    leaves, structure = jax.tree.flatten(nnx.as_pure(state))
    keys = jax.random.split(jax.random.key(seed), len(leaves))
    leaves = [
      leaf if leaf.any() else 0.1 * jax.random.normal(key, leaf.shape)
      for key, leaf in zip(keys, leaves)
    ]
    return nnx.merge(graphdef, jax.tree.unflatten(structure, leaves))

  return trained_looking
