"""Super-resolution from its options to its report and one's own pictures."""

import dataclasses
import json
import pathlib

import jax
import numpy as np
from PIL import Image
import pytest

from autoencoder import data
from autoencoder import evaluation
from autoencoder.cli import file_modes
from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.image import metrics
from autoencoder.image import resize
from autoencoder.runs import experiment as experiment_lib

ROOT = pathlib.Path(__file__).parent.parent.parent
PATH = ROOT / 'experiments' / 'super_resolution.py'


@pytest.fixture(scope='module')
def experiment():
  return experiment_lib.load(PATH)


def photo(height, width, channels=3):
  rng = np.random.default_rng(height)
  coarse = rng.integers(0, 256, (5, 6, channels), np.uint8)
  image = Image.fromarray(coarse.squeeze())
  return image.resize((width, height), Image.BICUBIC)


@pytest.fixture(scope='module')
def run(experiment, shrink, tmp_path_factory):
  """A tiny x3 run with its report, trained for two steps."""
  folder = tmp_path_factory.mktemp('photos')
  for split, count in (('train', 2), ('test', 1)):
    (folder / split).mkdir()
    for i in range(count):
      photo(40 + i, 53).save(folder / split / f'{i}.png')
  config = experiment.get_config('x3')
  # A crop that is no multiple of 3.
  shrink(config, folder, {'data.crop': 20, 'model.widths': (4,)})
  workdir = tmp_path_factory.mktemp('run')
  request = request_lib.Request(
    workdir, config, experiment.TASK, str(PATH), 'x3'
  )
  assert modes.train(request) == 0
  return request


@pytest.mark.parametrize('variant', ['', 'x3', 'x4', 'benchmark', 'smoke'])
def test_every_variant_is_valid(experiment, variant):
  config = experiment.get_config(variant)
  config.validate()
  assert config.data.crop % config.model.scale == 0


@pytest.mark.parametrize(
  'scale, crop, words',
  [(1, 96, 'model.scale takes 2, 3 or 4; got 1'), (4, 8, 'at least 12 pixels')],
)
def test_impossible_options_are_named(experiment, scale, crop, words):
  config = experiment.get_config()
  config.model.scale, config.data.crop = scale, crop
  with pytest.raises(ValueError, match=words):
    config.validate()


def test_the_small_picture_is_bicubic_and_8_bit(experiment):
  config = experiment.get_config('x4')
  image = np.asarray(photo(43, 50), np.float32) / 255
  make = experiment.TASK.make_example
  example = make(jax.random.key(0), {'image': image}, config)
  np.testing.assert_array_equal(example.target, image[:40, :48])
  assert example.inputs.shape == (10, 12, 3)
  small = resize.bicubic(image[:40, :48], 1 / 4, eight_bit=True)
  np.testing.assert_array_equal(example.inputs, small)
  steps = np.asarray(example.inputs) * 255
  np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)


def test_the_channel_of_a_grey_file_is_its_luma(experiment, tmp_path):
  """Luma of three equal channels spans 219 of 255 levels: 1.32 dB more."""
  grey = photo(48, 60, channels=1)
  grey.save(tmp_path / 'a.png')
  grey.convert('RGB').save(tmp_path / 'b.png')
  source = data.open_source(f'folder:{tmp_path}', 'test', channels=3)
  config = experiment.get_config('')
  config.evaluation.report_images = 2
  results = evaluation.evaluate(
    lambda x: x.repeat(2, 1).repeat(2, 2) - 0.02,
    experiment.TASK, config, source, progress=False,
  )  # fmt: skip
  one, three = results.images
  target = np.asarray(grey, np.float32)[..., None] / 255
  small = resize.bicubic(target, 1 / 2, eight_bit=True)
  answer = np.asarray(small).repeat(2, 0).repeat(2, 1) - 0.02
  images = (answer[None], target[None])
  answer, target = (x[:, 2:-2, 2:-2] for x in images)
  answer = np.round(answer.clip(0, 1) * 255) / 255
  for each, name in ((metrics.psnr, 'psnr'), (metrics.ssim, 'ssim')):
    expected = pytest.approx(float(each(answer, target)[0]), abs=1e-3)
    assert one['model'][f'{name}_y'] == expected
    assert one['model'][f'{name}_rgb'] == expected
    assert three['model'][f'{name}_rgb'] == expected
  for row in ('bicubic', 'model'):
    gain = three[row]['psnr_y'] - one[row]['psnr_y']
    assert gain == pytest.approx(20 * np.log10(255 / 219), abs=2e-3)


def test_an_image_smaller_than_the_scale_is_named(experiment, run, tmp_path):
  photo(2, 50).save(tmp_path / 'flat.png')
  request = dataclasses.replace(run, data=f'folder:{tmp_path}')
  with pytest.raises(ValueError, match="'flat.png': .*50 x 2 .* at least 3"):
    modes.evaluate(request)


def test_the_report_compares_with_bicubic_once(run):
  assert (run.workdir / modes.REPORT_FILE).stat().st_size > 0
  (path,) = (run.workdir / modes.EVALUATION_FOLDER).glob('*.json')
  mean = json.loads(path.read_text())['mean']
  assert list(mean) == ['bicubic', 'Lanczos', 'model']
  assert list(mean['model']) == ['psnr_y', 'ssim_y', 'psnr_rgb', 'ssim_rgb']
  # After two steps at a tiny learning rate it is close to bicubic.
  assert abs(mean['model']['psnr_y'] - mean['bicubic']['psnr_y']) < 1
  assert mean['model']['psnr_y'] > 20


def test_ones_own_pictures_are_enlarged(run, tmp_path, capsys):
  source, output = tmp_path / 'in', tmp_path / 'out'
  source.mkdir()
  photo(7, 10, 4).save(source / 'alpha.png')
  photo(1, 1, 1).save(source / 'pixel.png')
  deep = np.arange(0, 60000, 1000, np.uint16).reshape(6, 10)
  Image.fromarray(deep).save(source / 'deep.png')
  request = dataclasses.replace(run, input=str(source), output=str(output))
  assert file_modes.apply(request) == 0
  said = dict(
    line.split(' -> ')[0].rsplit('/', 1)[1].split(': ')
    for line in capsys.readouterr().out.splitlines()
    if ' -> ' in line
  )
  assert said == {
    'alpha.png': '10 x 7 RGBA, 8 bit',
    'pixel.png': '1 x 1 grey, 8 bit, seen as three equal channels',
    'deep.png': '10 x 6 grey, 16 bit, seen as three equal channels',
  }
  sizes = {}
  for path in output.iterdir():
    with Image.open(path) as image:
      sizes[path.name] = (image.size, image.mode)
  assert sizes == {
    'alpha.png': ((30, 21), 'RGBA'),
    'pixel.png': ((3, 3), 'L'),
    'deep.png': ((30, 18), 'I;16'),
  }
