"""Variables that are no parameters: kept by checkpoints and exported models.

The model has batch statistics, a vector and a counter of its own, and dropout.
"""

import json
import pathlib
import shutil

from flax import nnx
import jax
import numpy as np
from PIL import Image
import pytest

from autoencoder import errors
from autoencoder import models
from autoencoder import pretrained
from autoencoder.pretrained import export
from autoencoder.runs import checkpoint
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import workdir as workdir_lib
from autoencoder.training import loop
from autoencoder.training import setup

EXPERIMENT = '''
"""A model with all kinds of state, against noise."""

from flax import nnx
import jax
import jax.numpy as jnp

from autoencoder import config as config_lib
from autoencoder.tasks import restoration
from autoencoder.tasks import task


class Own(nnx.Variable):
  pass


class Stateful(nnx.Module):
  def __init__(self, rngs):
    self.conv = nnx.Conv(3, 3, (3, 3), rngs=rngs)
    self.norm = nnx.BatchNorm(3, momentum=0.5, rngs=rngs)
    self.dropout = nnx.Dropout(0.5, rngs=rngs)
    self.mean = Own(jnp.zeros((3,)))
    self.half = Own(jnp.full((2,), 1.5, jnp.bfloat16))
    self.calls = Own(jnp.zeros((), jnp.int32))

  def __call__(self, x):
    if not self.norm.use_running_average:
      self.calls[...] += 1
      self.mean[...] = x.mean((0, 1, 2))
    return x + self.dropout(self.norm(self.conv(x)))


def make_example(key, item, config):
  noise = 0.1 * jax.random.normal(key, item['image'].shape)
  return task.Example(item['image'] + noise, item['image'])


def get_config(variant=''):
  return config_lib.Config()


TASK = restoration.make_task(
  make_example, build_model=lambda config, rngs: Stateful(rngs)
)
'''

STEPS = 3


@pytest.fixture(scope='module', params=['jit', 'pmap'])
def run(request, tmp_path_factory):
  """`(folder of a finished run, its last training state)`."""
  folder = tmp_path_factory.mktemp('stateful')
  pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
  (folder / 'photos').mkdir()
  Image.fromarray(pixels).save(folder / 'photos' / 'a.png')
  path = folder / 'stateful.py'
  path.write_text(EXPERIMENT)
  module = experiment_lib.load(path)
  config = module.get_config()
  options = {
    'parallel': request.param,
    'data.source': f'folder:{folder / "photos"}',
    'data.crop': 16,
    'data.augment': 'none',
    'data.color_jitter': False,
    'train.steps': STEPS,
    'train.batch_size': 8,
    'train.warmup_steps': 1,
    'train.muon_learning_rate': 0.0,
    'train.evaluate_every': 1,
    'train.checkpoint_every': 1,
  }
  workdir_lib.assign(config, options)
  training = setup.set_up(config, module.TASK)
  workdir = folder / 'run'
  workdir_lib.save(
    workdir, path, None, training.config, training_seconds=1.0, machine='here'
  )
  loop.train(training, workdir)
  return workdir


@pytest.fixture(scope='module')
def exported(run):
  """The folder of the run's pretrained model."""
  target = run.parent / 'exported'
  export.export(run, target, [])
  return target


def state_of(model):
  """Returns the variables that are no parameters, by name."""
  _, _, extra = models.split(model)
  return {
    jax.tree_util.keystr(path): np.asarray(leaf)
    for path, leaf in jax.tree_util.tree_leaves_with_path(extra)
  }


def test_a_checkpoint_keeps_it(run):
  model = checkpoint.load(run)
  state = state_of(model)
  assert state["['calls']"] == STEPS
  assert state["['calls']"].dtype == np.int32
  assert (state["['mean']"] > 0).all()
  assert (state["['norm']['mean']"] != 0).all()
  assert (state["['norm']['var']"] != 1).all()


def test_an_exported_model_keeps_it(run, exported):
  expected = state_of(checkpoint.load(run))
  found = state_of(checkpoint.load(exported))
  assert found.keys() == expected.keys()
  for name, value in expected.items():
    assert found[name].dtype == value.dtype
    np.testing.assert_array_equal(found[name], value)


def test_a_loaded_model_answers_the_same_twice(run, exported):
  """Running statistics, no dropout, and nothing counted."""
  x = np.random.default_rng(1).random((2, 9, 13, 3), np.float32)
  model = checkpoint.load(run)
  answer = model(x)
  np.testing.assert_array_equal(model(x), answer)
  np.testing.assert_allclose(model(x[:1]), answer[:1], atol=1e-5)
  np.testing.assert_allclose(checkpoint.load(exported)(x), answer, atol=1e-2)
  assert state_of(model)["['calls']"] == STEPS


def test_random_state_is_made_anew(run, exported):
  for folder in (run, exported):
    model = checkpoint.load(folder)
    model.train()
    x = np.ones((1, 8, 8, 3), np.float32)
    assert (np.asarray(model.dropout(x)) == 0).any()
    assert model.dropout.rngs.count[...] == 1


def test_a_run_with_state_continues_to_the_same_bits(run, tmp_path):
  """Dropout's random numbers are a function of the seed and the step."""
  first = pathlib.Path(checkpoint.FOLDER) / '1'
  shutil.copytree(run / first, tmp_path / first)
  loaded = workdir_lib.load(run)
  training = setup.set_up(loaded.config, loaded.task)
  like = training.state.to_items()
  loop.train(training, tmp_path)
  ended = []
  for folder in (run, tmp_path):
    with checkpoint.Checkpoints(folder, read_only=True) as checkpoints:
      restored = checkpoints.restore(like)
    assert restored.step == STEPS
    ended.append(restored.info['checksums'])
  assert ended[0] == ended[1]
  assert any('norm' in name for name in ended[0])


def test_a_missing_array_is_one_line(exported, tmp_path):
  for name in (workdir_lib.CONFIG_FILE, workdir_lib.EXPERIMENT_FILE):
    (tmp_path / name).write_bytes((exported / name).read_bytes())
  with np.load(exported / pretrained.WEIGHTS_FILE) as archive:
    arrays = dict(archive)
  del arrays["['norm']['var']"]
  np.savez(tmp_path / pretrained.WEIGHTS_FILE, **arrays)
  with pytest.raises(errors.UserError, match=r"\['norm'\]\['var'\] is missing"):
    checkpoint.load(tmp_path)


def test_parameters_alone_take_half_precision(exported):
  with np.load(exported / pretrained.WEIGHTS_FILE) as arrays:
    types = {name: array.dtype.name for name, array in arrays.items()}
  assert types["['conv']['kernel']"] == 'float16'
  assert types["['norm']['var']"] == 'float32'
  assert types["['half']"] == 'float32'
  assert types["['calls']"] == 'int32'
  assert not any('dropout' in name for name in types)
  record = json.loads((exported / workdir_lib.CONFIG_FILE).read_text())
  assert record['parameters'] == 84 + 6


def test_fresh_random_state_has_the_shapes_of_the_old():
  @nnx.vmap(in_axes=0)
  def make(key):
    return nnx.Dropout(0.5, rngs=nnx.Rngs(key))

  model = make(jax.random.split(jax.random.key(3), 4))
  structure, params, extra = models.split(model)
  again = structure.merge(params, extra, jax.random.key(1))
  assert again.rngs.key[...].shape == (4,)
  assert len(np.unique(jax.random.key_data(again.rngs.key[...]))) == 8
