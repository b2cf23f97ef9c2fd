"""A third-party model that implements nothing but `__call__`."""

import dataclasses

from flax import nnx
import jax
import numpy as np
from PIL import Image
import pytest

from autoencoder import codec
from autoencoder import errors
from autoencoder import inference
from autoencoder import models
from autoencoder.cli import file_modes
from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.models import protocol
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import workdir as workdir_lib

EXPERIMENT = '''
"""One convolution against noise."""

from flax import nnx
import jax

from autoencoder import config as config_lib
from autoencoder.tasks import restoration
from autoencoder.tasks import task


class Plain(nnx.Module):
  def __init__(self, rngs):
    self.conv = nnx.Conv(3, 3, (3, 3), rngs=rngs)

  def __call__(self, x):
    return x + 0.1 * self.conv(x)


def make_example(key, item, config):
  noise = 0.1 * jax.random.normal(key, item['image'].shape)
  return task.Example(item['image'] + noise, item['image'])


def get_config(variant=''):
  return config_lib.Config()


TASK = restoration.make_task(
  make_example, build_model=lambda config, rngs: Plain(rngs)
)
'''


class Plain(nnx.Module):
  """Averages two neighbours; takes any number of channels."""

  def __call__(self, x):
    return (x + jax.numpy.roll(x, 1, 1)) / 2


@pytest.fixture(scope='module')
def request_of_run(tmp_path_factory):
  """The request of a finished run of the plain model."""
  folder = tmp_path_factory.mktemp('plain')
  rng = np.random.default_rng(0)
  for split in ('train', 'test'):
    (folder / 'photos' / split).mkdir(parents=True)
    pixels = rng.integers(0, 256, (33, 38, 3), np.uint8)
    Image.fromarray(pixels).save(folder / 'photos' / split / '0.png')
  path = folder / 'plain.py'
  path.write_text(EXPERIMENT)
  experiment = experiment_lib.load(path)
  config = experiment.get_config()
  workdir_lib.assign(
    config,
    {
      'data.source': f'folder:{folder / "photos"}',
      'data.crop': 16,
      'data.augment': 'none',
      'data.color_jitter': False,
      'train.steps': 2,
      'train.batch_size': 8,
      'train.warmup_steps': 1,
      'train.evaluate_every': 2,
      'train.muon_learning_rate': 0.0,
    },
  )
  request = request_lib.Request(
    folder / 'run', config, experiment.TASK, str(path)
  )
  assert modes.train(request) == 0
  config = workdir_lib.load(request.workdir).config
  return dataclasses.replace(request, config=config)


def test_it_can_be_trained_and_evaluated(request_of_run, capsys):
  assert (request_of_run.workdir / modes.REPORT_FILE).is_file()
  assert modes.evaluate(request_of_run) == 0
  assert '> model ' in capsys.readouterr().out


def test_it_can_be_applied(request_of_run, tmp_path):
  photos = request_of_run.workdir.parent / 'photos' / 'test'
  request = dataclasses.replace(
    request_of_run, input=str(photos), output=str(tmp_path)
  )
  assert file_modes.apply(request) == 0
  with Image.open(tmp_path / '0.png') as answer:
    assert answer.size == (38, 33)


def test_inspection_says_in_one_line_what_it_lacks(request_of_run):
  words = r'A Plain cannot be inspected: it lacks answer, encode, .*Inspectable'
  with pytest.raises(errors.UserError, match=words):
    modes.inspect(request_of_run)


def test_compression_says_that_it_does_not_compress(request_of_run):
  with pytest.raises(errors.UserError, match='does not compress'):
    codec.load(request_of_run.workdir)


def test_large_images_are_computed_whole_and_a_line_says_so_once(capsys):
  predict = inference.make_predictor(Plain(), tile=16)
  x = np.random.default_rng(0).random((1, 40, 20, 5), np.float32)
  np.testing.assert_allclose(predict(x), Plain()(x), atol=1e-6)
  assert capsys.readouterr().err == (
    'NOTE: Plain lacks receptive_radius and stride: images larger than 16 '
    'pixels are computed in one piece, which takes more memory.\n'
  )
  predict(x)
  (block,) = predict.tiles(x[0])
  assert block.values.shape == (40, 20, 5)
  assert capsys.readouterr().err == ''


def test_our_models_have_their_abilities():
  autoencoder = models.Autoencoder(3, 3, widths=(4,), rngs=nnx.Rngs(0))
  codec_model = models.CompressionModel(
    widths=(4,), latent_channels=3, hyper_channels=2, rngs=nnx.Rngs(0)
  )
  for model in (autoencoder, codec_model):
    assert models.can(model, models.Tileable)
    assert models.can(model, models.Inspectable)
    assert not models.can(model, models.Decomposable)
  assert models.can(codec_model, models.Compressor)
  assert not models.can(autoencoder, models.Compressor)
  assert protocol.in_channels(autoencoder) == 3
  assert protocol.in_channels(Plain()) is None


@pytest.mark.parametrize('skips', [False, True])
@pytest.mark.parametrize('residual', [False, True])
def test_side_inputs_are_what_the_answer_depends_on(skips, residual):
  model = models.Autoencoder(
    3, 3, widths=(4, 6), skips=skips, residual=residual, rngs=nnx.Rngs(0)
  )
  expected = ('skips',) * skips + ('input',) * residual
  assert model.side_inputs == expected
