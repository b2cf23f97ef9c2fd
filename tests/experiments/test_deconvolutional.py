"""The experiment from its options to its report, and its page in the docs."""

import dataclasses
import importlib.util
import json
import pathlib

from flax import nnx
import numpy as np
from PIL import Image
import pytest

from autoencoder.cli import file_modes
from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.evaluation import decomposition
from autoencoder.runs import checkpoint
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import workdir as workdir_lib

ROOT = pathlib.Path(__file__).parents[2]
PATH = ROOT / 'experiments' / 'deconvolutional.py'
SIDE = 32


@pytest.fixture(scope='module')
def experiment():
  return experiment_lib.load(PATH)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Grey photos: two for training, one held out."""
  root, rng = tmp_path_factory.mktemp('photos'), np.random.default_rng(0)
  for split, count in (('train', 2), ('test', 1)):
    (root / split).mkdir()
    for index in range(count):
      coarse = Image.fromarray(rng.integers(0, 256, (9, 9), np.uint8))
      coarse.resize((SIDE, SIDE), 2).save(root / split / f'{index}.png')
  return root


@pytest.fixture(scope='module')
def run(experiment, folder, tmp_path_factory):
  """A tiny run with its report, trained for two steps."""
  config = experiment.get_config()
  config.data.source, config.data.crop = f'folder:{folder}', 12
  config.sparse = dataclasses.replace(
    config.sparse, filters=(3, 4), sizes=(5, 3), iterations=2, test_iterations=4
  )
  config.train = dataclasses.replace(
    config.train, steps=2, batch_size=8, warmup_steps=1, evaluate_every=2
  )
  workdir = tmp_path_factory.mktemp('run')
  request = request_lib.Request(workdir, config, experiment.TASK, str(PATH))
  assert SIDE < decomposition.CURVE_SIDE  # Curves use whole images.
  assert modes.train(request) == 0
  return request


@pytest.mark.parametrize(
  'variant', ['', 'hyper_laplacian', 'benchmark', 'smoke']
)
def test_every_variant_is_valid(experiment, variant):
  experiment.get_config(variant).validate()


@pytest.mark.parametrize(
  'field, value, words',
  [
    ('data.channels', 3, r'data.channels takes 1 \(grey\)'),
    ('data.crop', 8, 'data.crop must be at least 10'),
    ('sigma', 0.0, r'sigma must be in \(0, 256\)'),
    ('threshold', float('nan'), 'threshold must be in'),
    ('sparse.power', 2.0, r'must be in \(0, 1\]'),
    ('sparse.weights', (0.0, 1.0), 'must be above 0'),
  ],
)
def test_impossible_options_are_named(experiment, field, value, words):
  config = experiment.get_config()
  workdir_lib.assign(config, {field: value})
  with pytest.raises(ValueError, match=words):
    config.validate()


def test_the_numbers_contain_denoising_and_the_curve(run):
  (path,) = (run.workdir / modes.EVALUATION_FOLDER).glob('*.json')
  found = json.loads(path.read_text())
  assert list(found['mean']) == [
    'input', 'non-local means', 'total variation', 'autoencoder', 'model'
  ]  # fmt: skip
  assert found['mean']['input']['psnr'] == pytest.approx(20.17, abs=0.4)
  # Even untrained filters remove some of the noise.
  assert found['mean']['model']['psnr'] > found['mean']['input']['psnr']
  assert list(found['curves']) == ['layer 1', 'layer 2']
  for points in found['curves'].values():
    assert [point['scale'] for point in points] == [0.25, 0.5, 1, 2, 4, 8]
    assert all(0 < point['nonzeros'] < 10 for point in points[2:])


def test_the_report_shows_filters_and_a_decomposition(run):
  page = (run.workdir / modes.REPORT_FILE).read_text()
  for title in ('Filters of layer 2, in pixels', 'Decomposition of an image'):
    assert f'<h2>{title}</h2>' in page
  assert 'nonzero coefficients a pixel' in page
  with Image.open(run.workdir / 'pictures' / 'filters_of_layer_1.png') as sheet:
    filters = np.asarray(sheet)
  # Three in a row with white between them, each at full contrast.
  blocks = 255 - filters[filters.shape[0] // 2, :, 0] > 0
  assert np.count_nonzero(np.diff(blocks.astype(int)) == 1) >= 3
  lines = (run.workdir / 'metrics.jsonl').read_text().splitlines()
  logged = {name for line in lines for name in json.loads(line)}
  assert {'loss', 'psnr', 'nonzeros', 'test_psnr_2'} <= logged


def test_inspect_shows_how_much_each_map_is_used(run, tmp_path, capsys):
  request = dataclasses.replace(run, output=str(tmp_path))
  assert modes.inspect(request) == 0
  assert f'Inside: {tmp_path}/inside.html' in capsys.readouterr().out
  page = (tmp_path / 'inside.html').read_text()
  assert 'Deconvolutional, inside' in page and 'after 2 steps' in page
  numbers = json.loads((tmp_path / 'inside.json').read_text())
  fields = [layer['receptive_field']['size'] for layer in numbers['layers']]
  assert fields == [5, 5 + 3 - 1]
  for layer in numbers['layers']:
    assert layer['strongest'] and layer['coefficients'] > 0


def test_apply_redraws_pictures(run, folder, tmp_path):
  request = dataclasses.replace(
    run, input=str(folder / 'test'), output=str(tmp_path / 'out')
  )
  assert file_modes.apply(request) == 0
  with Image.open(tmp_path / 'out' / '0.png') as picture:
    redrawn = np.asarray(picture.convert('L'), np.float32) / 255
  image = np.asarray(Image.open(folder / 'test' / '0.png'), np.float32) / 255
  model = checkpoint.load(run.workdir)
  expected = np.asarray(model(image[None, ..., None]))[0, ..., 0]
  np.testing.assert_allclose(redrawn, expected.clip(0, 1), atol=0.51 / 255)


def test_the_conclusion_follows_from_the_numbers(experiment):
  from autoencoder.evaluation import results as results_lib

  mean = {
    'input': {'psnr': 20.0}, 'other': {'psnr': 29.5}, 'model': {'psnr': 28.0},
  }  # fmt: skip
  results = results_lib.Results(mean, [], 'photos', [])
  curves = {'layer 1': [{'scale': 1, 'psnr': 31.04, 'nonzeros': 0.25}]}
  text = decomposition.conclude(results, curves, experiment.get_config())
  assert '0.25 coefficients a pixel make a picture of 31.0 dB' in text
  assert 'from 20.00 to 28.00 dB: -1.50 dB against other.' in text


@pytest.fixture(scope='module')
def script():
  spec = importlib.util.spec_from_file_location(
    'deconvolutional_figures', ROOT / 'docs' / 'deconvolutional_networks.py'
  )
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def test_the_page_links_to_existing_lines(script):
  page = script.PAGE.read_text()
  assert len(script.LINK.findall(page)) == page.count('.py#L') >= 6
  # If not: python docs/deconvolutional_networks.py
  assert page == script.link(page)
  with pytest.raises(ValueError, match='has no gone, which'):
    script.link('[`gone`](../autoencoder/sparse/fista.py#L1)')


def test_the_page_has_its_pictures(run, script, tmp_path):
  page = script.PAGE.read_text()
  for path in script.draw(run.workdir, tmp_path):
    assert path.stat().st_size > 0
    assert f'images/{path.name}' in page
    assert (ROOT / 'docs' / 'images' / path.name).stat().st_size > 0


def test_options_of_an_autoencoder_are_refused(experiment):
  config = experiment.get_config()
  config.model.widths = (8, 16)
  with pytest.raises(ValueError, match='is made of config.sparse'):
    experiment.TASK.build_model(config, nnx.Rngs(0))


def test_the_page_agrees_with_the_results(script):
  page = script.PAGE.read_text()
  folder = ROOT / 'benchmarks' / 'results'
  photos, inference = (
    json.loads((folder / f'deconvolutional_{name}.json').read_text())
    for name in ('sample_photos', 'inference')
  )
  names = {
    'model': 'deconvolutional network, layer 1',
    'autoencoder': "the package's autoencoder",
  }
  for row, mean in inference['denoising'].items():
    psnr = f'{mean["psnr"]:.2f}'
    psnr = f'**{psnr}**' if row == 'autoencoder' else psnr
    assert f'| {names.get(row, row)} | {psnr} | {mean["ssim"]:.3f} |' in page
    same = photos['mean'].get(row, mean)
    assert same['psnr'] == pytest.approx(mean['psnr'], abs=0.01)
  steep, more = (
    json.loads((folder / f'deconvolutional_{name}.json').read_text())
    for name in ('hyper_laplacian', 'bsd')
  )
  curves = [*photos['curves'].items(), *steep['curves'].items()]
  for name, points in curves:
    for title, key, digits in (
      ('coefficients a pixel', 'nonzeros', 2), ('PSNR, dB', 'psnr', 1)
    ):  # fmt: skip
      cells = ' | '.join(f'{point[key]:.{digits}f}' for point in points)
      assert f'| {name}: {title} | {cells} |' in page
  words = ' '.join(page.split())
  psnr = steep['mean']['model']['psnr']
  assert f'denoises better, with {psnr:.2f} dB' in words
  for row, phrase in {
    'model': 'sigma 25 it reaches {:.2f} dB',
    'non-local means': 'non-local means {:.2f}',
    'total variation': 'total variation {:.2f}',
    'autoencoder': "package's autoencoder {:.2f}",
  }.items():
    assert phrase.format(more['mean'][row]['psnr']) in words
  for found in list(inference['continuation'].values())[:3]:
    assert f'{found["objective"]:,.0f}' in page
