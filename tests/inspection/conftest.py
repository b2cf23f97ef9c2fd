"""Small models with encoders of every kind, and random weights everywhere."""

from flax import nnx
import jax
import pytest

from autoencoder import models

# Options that cover every kind of layer in our encoders.
OPTIONS = {
  'stem 1': {'stem_stride': 1, 'widths': (4, 6)},
  'stem 2': {'stem_stride': 2, 'blocks': 2, 'widths': (4,)},
  'stem 4': {'stem_stride': 4, 'kernel': 4, 'widths': (4, 6)},
  'kernel 3': {'kernel': 3, 'blocks': 0},
  'unpool': {'upsampling': 'unpool', 'skips': False, 'widths': (4, 6)},
  'unpool, no blocks': {'upsampling': 'unpool', 'stem_stride': 2, 'blocks': 0},
}


def fill(model, seed=1):
  """Fills weights that are 0 at the start, so that every path has signal."""
  graphdef, state = nnx.split(model)
  leaves, structure = jax.tree.flatten(nnx.as_pure(state))
  keys = jax.random.split(jax.random.key(seed), len(leaves))
  leaves = [
    leaf if leaf.any() else 0.2 * jax.random.normal(key, leaf.shape)
    for key, leaf in zip(keys, leaves)
  ]
  return nnx.merge(graphdef, jax.tree.unflatten(structure, leaves))


def make_autoencoder(**options):
  defaults = {'widths': (4, 6, 6), 'latent_channels': 5}
  return fill(models.Autoencoder(3, 3, **defaults | options, rngs=nnx.Rngs(0)))


def make_codec(activation='gdn'):
  return fill(
    models.CompressionModel(
      widths=(6, 8),
      latent_channels=10,
      activation=activation,
      hyper_channels=4,
      rngs=nnx.Rngs(0),
    )
  )


@pytest.fixture(scope='session')
def make_model():
  """Returns `make_model(name)`; names are those of `OPTIONS`, 'gdn', 'relu'."""
  made = {}

  def make(name):
    if name not in made:
      kind = name in ('gdn', 'relu')
      made[name] = (
        make_codec(name) if kind else make_autoencoder(**OPTIONS[name])
      )
    return made[name]

  return make


# Models for tests of every kind of layer.
ALL = [*list(OPTIONS)[:-1], 'gdn', 'relu']


@pytest.fixture(params=ALL)
def model(request, make_model):
  """Each of the models."""
  return make_model(request.param)
