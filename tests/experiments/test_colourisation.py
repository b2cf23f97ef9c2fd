"""Colourisation from its options to its report, and on a person's pictures."""

import copy
import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest
from skimage import color as oracle
from skimage.metrics import peak_signal_noise_ratio

from autoencoder.cli import file_modes
from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.photos import images
from autoencoder.runs import experiment as experiment_lib
from autoencoder.training import setup

PATH = (
  pathlib.Path(__file__).parent.parent.parent
  / 'experiments'
  / 'colourisation.py'
)


@pytest.fixture(scope='module')
def experiment():
  return experiment_lib.load(PATH)


@pytest.fixture(scope='module', params=['', 'classification'])
def run(request, experiment, photos, shrink, tmp_path_factory):
  """The request of a finished run of a tiny model."""
  variant = request.param
  config = shrink(experiment.get_config(variant), photos)
  assert config.loss == (variant or 'l2')
  asked = request_lib.Request(
    tmp_path_factory.mktemp('run'), config, experiment.TASK, str(PATH), variant
  )
  assert modes.train(asked) == 0
  return asked


def test_the_table_compares_the_model_with_grey(run, photos):
  assert (run.workdir / modes.REPORT_FILE).stat().st_size > 0
  (path,) = (run.workdir / modes.EVALUATION_FOLDER).glob('*.json')
  mean = json.loads(path.read_text())['mean']
  assert list(mean) == ['grey', 'model']
  names = ['psnr', 'psnr_ab', 'auc_ab', 'colorfulness']
  assert list(mean['model']) == names
  # The baseline: the photo without a and b.
  with Image.open(photos / 'test' / '0.png') as file:
    rgb = np.asarray(file) / 255
  lab = oracle.rgb2lab(rgb)
  grey = oracle.lab2rgb(lab * [1, 0, 0])
  expected = peak_signal_noise_ratio(rgb, grey, data_range=1)
  assert mean['grey']['psnr'] == pytest.approx(expected, abs=0.01)
  error = lab[..., 1:]
  expected = peak_signal_noise_ratio(error, 0 * error, data_range=255)
  assert mean['grey']['psnr_ab'] == pytest.approx(expected, abs=0.01)
  assert mean['grey']['colorfulness'] == pytest.approx(0, abs=0.01)


def test_a_grey_folder_is_reported_and_each_folder_has_its_numbers(
  run, tmp_path, capsys
):
  folders = [tmp_path / name / 'test' for name in 'ab']
  for folder in folders:
    folder.mkdir(parents=True)
    Image.effect_noise((34, 27), 90).save(folder / '0.png')
  written = []
  for folder in [*folders, folders[0]]:
    request = dataclasses.replace(
      run, data=f'folder:{folder}', output=str(tmp_path / 'numbers')
    )
    assert modes.evaluate(request) == 0
    *_, note, path, page = capsys.readouterr().out.splitlines()
    assert note.startswith('NOTE: all of these images are grey')
    written.append(pathlib.Path(path.removeprefix('Numbers: ')))
    assert page == f'Report: {written[-1].with_suffix(".html")}'
  assert [path.name for path in written] == [
    'test.json', 'test-2.json', 'test.json',
  ]  # fmt: skip
  for path, folder in zip(written[:2], folders):
    assert json.loads(path.read_text())['folder'] == str(folder)


@pytest.mark.parametrize('resident_mib', [512, 0], ids=['resident', 'streamed'])
def test_colours_cannot_be_learned_from_grey_photos(
  run, photos, tmp_path, resident_mib
):
  config = copy.deepcopy(run.config)
  config.data.resident_mib = resident_mib
  assert setup.set_up(config, run.task).notes == ()
  config.data.test_source = config.data.source
  config.data.source = f'folder:{tmp_path}'
  for i in range(2):
    Image.effect_noise((34, 27), 90).save(tmp_path / f'{i}.png')
  (note,) = setup.set_up(config, run.task).notes
  assert note.startswith('The training images are grey')
  assert ('2 of 2 were looked at' in note) == (not resident_mib)


def test_every_head_can_answer_grey(run, experiment):
  lightness = jnp.linspace(0, 1, 12, dtype=jnp.float32).reshape(3, 4, 1)
  example = experiment.make_example(
    jax.random.key(0), {'image': jnp.zeros((3, 4, 3))}, run.config
  )._replace(inputs=lightness)
  grey = run.task.baselines['grey'](example, run.config)
  rgb = run.task.finish(jnp.asarray(grey), lightness, run.config)
  expected = oracle.lab2rgb(np.float64(100 * lightness) * [1, 0, 0])
  np.testing.assert_allclose(rgb, expected, atol=1e-4)


def test_apply_colours_any_picture_and_keeps_its_lightness(
  run, tmp_path, capsys
):
  rng = np.random.default_rng(1)

  def pixels(channels, dtype, side=(21, 33)):
    top = np.iinfo(dtype).max
    return rng.integers(0, top, (*side, channels), dtype, endpoint=True)

  # Invisible pixels get colours of visible ones.
  alpha = np.maximum(pixels(1, np.uint8)[..., 0], 1)
  pictures = {
    'grey8': images.Photo(pixels(1, np.uint8)),
    'grey16': images.Photo(pixels(1, np.uint16, (1, 2))),
    'colour8': images.Photo(pixels(3, np.uint8), alpha),
    'colour16': images.Photo(pixels(3, np.uint16)),
  }
  (tmp_path / 'in').mkdir()
  for name, picture in pictures.items():
    images.write_image(tmp_path / 'in' / f'{name}.png', picture)
  asked = dataclasses.replace(
    run, input=str(tmp_path / 'in'), output=str(tmp_path / 'out')
  )
  assert file_modes.apply(asked) == 0
  assert 'Those of a colour picture are not used' in capsys.readouterr().out
  for name, picture in pictures.items():
    answer = images.read_image(tmp_path / 'out' / f'{name}.png')
    assert answer.pixels.shape == (*picture.pixels.shape[:2], 3)
    assert answer.pixels.dtype == picture.pixels.dtype
    np.testing.assert_equal(answer.alpha, picture.alpha)
    top = np.iinfo(picture.pixels.dtype).max
    before, after = (
      oracle.rgb2lab(np.broadcast_to(x / top, answer.pixels.shape))[..., 0]
      for x in (picture.pixels, answer.pixels)
    )
    # Rounding to 8 bits changes lightness by up to a quarter of a unit.
    bound = 0.3 if top == 255 else 2e-3
    np.testing.assert_allclose(after, before, atol=bound)


def test_variants_are_valid_and_mistakes_are_named(experiment):
  for name in ('', 'classification', 'benchmark', 'smoke'):
    experiment.get_config(name).validate()
  config = experiment.get_config()
  config.loss = 'l1'
  with pytest.raises(ValueError, match="'l2', 'classification'; got 'l1'"):
    config.validate()
  config = experiment.get_config()
  config.data.channels = 1
  with pytest.raises(ValueError, match='data.channels must be 3; got 1'):
    config.validate()
