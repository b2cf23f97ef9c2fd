"""The experiment from its options to a report and to a person's picture."""

import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from autoencoder.cli import file_modes
from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.photos import images
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import workdir as workdir_lib
from autoencoder.tasks import task as task_lib

ROOT = pathlib.Path(__file__).parent.parent.parent
PATH = ROOT / 'experiments' / 'inpainting.py'


@pytest.fixture(scope='module')
def experiment():
  return experiment_lib.load(PATH)


@pytest.mark.parametrize(
  'variant, share',
  [
    ('', 0.5),
    ('dense', 0.8),
    ('blocks', 0.25),
    ('strokes', None),
    ('centre', 32**2 / 128**2),
    ('mixed', None),
    ('benchmark', 0.5),
    ('smoke', 0.5),
  ],
)
def test_variants(experiment, variant, share):
  config = experiment.get_config(variant)
  config.validate()
  image = jnp.full((128, 128, config.data.channels), 0.3)
  example = jax.jit(
    lambda key: experiment.make_example(
      key, {'image': image}, config.for_evaluation()
    )
  )(jax.random.key(0))
  mask = np.asarray(example.weight)
  assert mask.shape == (128, 128, 1)
  if share is not None:
    assert abs(mask.mean() - share) < 0.02
  np.testing.assert_array_equal(example.inputs[..., -1:], mask)
  np.testing.assert_allclose(example.inputs[..., :-1], 0.3, atol=1e-4)


def example_with_holes(count):
  """A grey image, `count` of whose pixels are holes filled with 0.5."""
  target = np.full((1, 12, 12, 1), 0.4, np.float32)
  mask = np.zeros((1, 12, 12, 1), np.float32)
  mask.reshape(-1)[:count] = 1
  filled = np.where(mask > 0, 0.5, target).astype(np.float32)
  inputs = np.concatenate([filled, mask], axis=-1)
  return task_lib.Example(inputs, target, mask)


@pytest.mark.parametrize('count', [0, 1, 12, 144])
def test_metrics_of_small_and_empty_holes(experiment, count):
  example = example_with_holes(count)
  outputs = np.full((1, 12, 12, 1), 0.5, np.float32)  # Known pixels too.
  values = experiment.metrics(outputs, example, None)
  assert list(values) == ['psnr_hole', 'psnr', 'ssim']
  # An error of 0.1 is 20 dB; spread over the image it is 144 / count less.
  expected = 20 if count else 100
  np.testing.assert_allclose(values['psnr_hole'], [expected], rtol=1e-5)
  whole = 20 + 10 * np.log10(144 / count) if count else 100
  np.testing.assert_allclose(values['psnr'], [whole], rtol=1e-5)


@pytest.mark.parametrize('loss', ['l1', 'l2', 'rmse'])
def test_only_holes_are_learned(experiment, loss):
  config = experiment.get_config()
  config.loss = loss
  example = example_with_holes(12)
  outputs = jnp.full((1, 12, 12, 1), 0.5)
  gradient = jax.grad(
    lambda outputs: experiment.TASK.loss(outputs, example, config).sum()
  )(outputs)
  assert not (gradient * (1 - example.weight)).any()
  if loss == 'l1':
    np.testing.assert_allclose(gradient, example.weight / 12, rtol=1e-6)


def test_an_unknown_loss_is_named(experiment):
  config = experiment.get_config()
  config.loss = 'l3'
  with pytest.raises(ValueError, match="'l1', 'l2', 'rmse'; got 'l3'"):
    config.validate()


def test_a_run_from_options_to_a_persons_picture(
  experiment, photos, shrink, tmp_path, capsys
):
  workdir = tmp_path / 'run'
  config = shrink(experiment.get_config('mixed'), photos)
  request = request_lib.Request(
    workdir, config, experiment.TASK, str(PATH), 'mixed'
  )
  assert modes.train(request) == 0
  assert (workdir / modes.REPORT_FILE).stat().st_size > 0
  (path,) = (workdir / modes.EVALUATION_FOLDER).glob('*.json')
  mean = json.loads(path.read_text())['mean']
  assert set(mean) >= {'fill', 'mean', 'biharmonic', 'model'}
  assert list(mean['model']) == ['psnr_hole', 'psnr', 'ssim']

  pixels = np.asarray(Image.open(photos / 'test' / '0.png'))
  holes = np.zeros(pixels.shape[:2], np.uint8)
  holes[5:9, 10:20] = 255
  images.write_image(tmp_path / 'mask.png', images.Photo(holes[..., None]))
  run = workdir_lib.load(workdir)
  applied = dataclasses.replace(
    request,
    config=run.config,
    input=str(photos / 'test' / '0.png'),
    output=str(tmp_path / 'out'),
    mask=str(tmp_path / 'mask.png'),
  )
  assert file_modes.apply(applied) == 0
  answer = images.read_image(tmp_path / 'out' / '0.png').pixels
  np.testing.assert_array_equal(answer[holes == 0], pixels[holes == 0])
  assert (answer[holes > 0] != pixels[holes > 0]).any()

  other = dataclasses.replace(applied.task, uses_mask=False)
  with pytest.raises(ValueError, match='--mask has no meaning for the run'):
    file_modes.apply(dataclasses.replace(applied, task=other))
