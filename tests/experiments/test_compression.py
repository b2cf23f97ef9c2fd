"""Compression from its options to its report, files and pretrained form."""

import dataclasses
import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
import pytest

from autoencoder import codec
from autoencoder import models
from autoencoder.cli import file_modes
from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.models import rates
from autoencoder.pretrained import export
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import workdir as workdir_lib
from autoencoder.tasks import compression as rate_distortion

ROOT = pathlib.Path(__file__).parent.parent.parent
PATH = ROOT / 'experiments' / 'compression.py'


@pytest.fixture(scope='module')
def experiment():
  return experiment_lib.load(PATH)


@pytest.fixture(scope='module')
def run(experiment, photos, shrink, tmp_path_factory):
  """A tiny run with its report, trained for two steps."""
  config = experiment.get_config()
  shrink(config, photos, {
    'data.crop': 64,
    'model.widths': (48, 16),
    'model.latent_channels': 8,
    'codec.hyper_channels': 4,
  })  # fmt: skip
  workdir = tmp_path_factory.mktemp('run')
  request = request_lib.Request(workdir, config, experiment.TASK, str(PATH))
  assert modes.train(request) == 0
  return request


@pytest.mark.parametrize(
  'variant', ['', 'factorized', 'ms_ssim', 'benchmark', 'smoke']
)
def test_every_variant_is_valid(experiment, variant):
  experiment.get_config(variant).validate()


@pytest.mark.parametrize(
  'field, value, words',
  [
    ('distortion', 'l1', "distortion takes 'mse', 'ms_ssim'; got 'l1'"),
    ('quality', 10, r'quality takes 1 \(the smallest files\) to 9; got 10'),
    ('data.channels', 1, 'data.channels must be 3; got 1'),
    ('data.crop', 48, 'data.crop must be at least 64'),
    ('codec.prior', 'none', 'codec.prior takes'),
  ],
)
def test_impossible_options_are_named(experiment, field, value, words):
  config = experiment.get_config()
  workdir_lib.assign(config, {field: value})
  with pytest.raises(ValueError, match=words):
    config.validate()


def test_training_draws_all_qualities_and_measuring_uses_one(experiment):
  config = experiment.get_config()
  item = {'image': jnp.zeros((64, 64, 3))}
  keys = jax.random.split(jax.random.key(0), 64)
  draw = jax.vmap(
    lambda key: rate_distortion.make_example(key, item, config).extra['quality']
  )
  assert set(np.asarray(draw(keys)).tolist()) == set(range(1, 10))
  config = config.for_evaluation()
  assert set(np.asarray(draw(keys)).tolist()) == {4}


def test_the_loss_is_rate_and_priced_error(experiment):
  config = experiment.get_config()
  target = jax.random.uniform(jax.random.key(0), (9, 64, 64, 3))
  outputs = models.Compressed(
    target + 0.01, {'latent': jnp.full(9, 4096.0), 'hyper': jnp.full(9, 2048.0)}
  )
  quality = jnp.arange(1, 10)
  example = rate_distortion.task.Example(
    target, target, extra={'quality': quality}
  )
  actual = rate_distortion.loss(outputs, example, config)
  weights = np.array(rates.LAMBDAS)
  expected = weights * 255**2 * 1e-4 + 1.5
  scale = weights**-0.5 / np.mean(weights**-0.5)
  np.testing.assert_allclose(actual, scale * expected, rtol=1e-3)


def test_the_log_has_rate_and_distortion(run):
  lines = (run.workdir / 'metrics.jsonl').read_text().splitlines()
  logged = {name for line in lines for name in json.loads(line)}
  assert {'loss', 'psnr', 'bpp', 'test_psnr', 'test_bpp'} <= logged
  assert 'test_bpp_hyper' in logged


def test_the_evaluation_measures_files(run):
  (path,) = (run.workdir / modes.EVALUATION_FOLDER).glob('*.json')
  found = json.loads(path.read_text())
  assert list(found['mean']) == ['JPEG', 'JPEG 2000', 'WebP', 'model']
  assert list(found['mean']['model']) == ['psnr', 'ms_ssim', 'bpp']
  (photo,) = found['images']
  pixels = photo['size'][0] * photo['size'][1]
  curve = found['curves']['model']
  assert [point['setting'] for point in curve] == list(range(1, 10))
  for point in curve:
    size = point['bpp'] * pixels / 8
    assert size == pytest.approx(round(size))
    estimate = point['bpp_estimate'] * pixels / 8
    assert 0.98 * estimate < size < 1.02 * estimate + 40  # The header.
  (image,) = (pathlib.Path(run.config.data.source[7:]) / 'test').iterdir()
  pixels = np.asarray(Image.open(image))
  data = codec.compress(codec.load(run.workdir), pixels, quality=4)
  assert 8 * len(data) / pixels[..., 0].size == pytest.approx(
    photo['model']['bpp']
  )
  for name in ('JPEG', 'WebP'):  # Their files are not smaller than ours.
    assert photo[name]['bpp'] >= photo['model']['bpp']


def test_the_report_shows_curves_and_the_result_in_words(run):
  page = (run.workdir / modes.REPORT_FILE).read_text()
  assert 'bits per pixel' in page and 'series-3' in page
  assert 'At equal file size' in page


def test_applying_it_says_what_to_do_instead(run, tmp_path):
  request = dataclasses.replace(
    run, input=str(tmp_path), output=str(tmp_path / 'out')
  )
  with pytest.raises(ValueError, match='use --mode=compress'):
    file_modes.apply(request)


def test_it_can_be_exported_with_its_tables(run, tmp_path):
  export.export(run.workdir, tmp_path / 'tiny', [])
  assert (tmp_path / 'tiny' / 'codec.npz').is_file()
  model = codec.load(tmp_path / 'tiny')
  image = np.asarray(
    Image.effect_noise((40, 30), 30).convert('RGB').resize((40, 30))
  )
  data = codec.compress(model, image, quality=9)
  decoded = codec.decompress(codec.load(tmp_path / 'tiny'), data)
  assert decoded.shape == image.shape
