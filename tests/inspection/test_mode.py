"""`--mode=inspect`: from a run to its page, and what it refuses."""

import base64
import dataclasses
import io
import json
import pathlib
import re
import shutil

from flax import nnx
import jax
import numpy as np
from PIL import Image
import pytest

from autoencoder import data
from autoencoder import inspection
from autoencoder import models
from autoencoder import pretrained
from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.evaluation import report
from autoencoder.inspection import features
from autoencoder.inspection import fields
from autoencoder.inspection import inside as inside_lib
from autoencoder.inspection import page as page_lib
from autoencoder.inspection import walks
from autoencoder.inspection import windows
from autoencoder.runs import checkpoint
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import workdir as workdir_lib

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """Returns a folder of two pictures with labels: bright pixels are class 1."""
  folder = tmp_path_factory.mktemp('pictures')
  rng = np.random.default_rng(0)
  for name in ('images', 'masks'):
    (folder / name).mkdir()
  for i in range(2):
    coarse = Image.fromarray(rng.integers(0, 256, (6, 7, 3), np.uint8))
    picture = np.asarray(coarse.resize((44, 40), Image.Resampling.BICUBIC))
    Image.fromarray(picture).save(folder / 'images' / f'{i}.png')
    label = (picture[..., 0] > 128).astype(np.uint8)
    Image.fromarray(label).save(folder / 'masks' / f'{i}.png')
  return folder


@pytest.fixture(autouse=True)
def small(monkeypatch):
  monkeypatch.setattr(inside_lib, 'SHOWN', 8)  # Two channels of each layer.
  monkeypatch.setattr(walks, 'SWEEPS', 2)


def load_random(task, config):
  """Returns a model with random parameters, and these."""
  model = task.build_model(config, nnx.Rngs(0))
  rng = np.random.default_rng(0)
  params = jax.tree.map(
    lambda leaf: rng.normal(0.1, 0.2, leaf.shape).astype(leaf.dtype),
    nnx.as_pure(nnx.state(model, nnx.Param)),
  )
  nnx.update(model, params)
  return model, params


def save_run(workdir, name, variant, options, saved=True):
  """Makes a run of an experiment with random parameters."""
  path = ROOT / 'experiments' / f'{name}.py'
  module = experiment_lib.load(path)
  config = module.get_config(variant)
  workdir_lib.assign(config, options)
  config.validate()
  workdir_lib.save(workdir, path, variant, config)
  if saved:
    _, params = load_random(module.TASK, config)
    with checkpoint.Checkpoints(workdir) as checkpoints:
      checkpoints.save(7, {'model': {'params': params, 'ema': params}})
  return request_lib.Request(workdir, config, module.TASK, str(path), variant)


@pytest.fixture(scope='module')
def segmentation(folder, tmp_path_factory):
  """Returns a segmentation run with two classes and pooling."""
  options = {
    'data.source': f'folder:{folder}',
    'data.classes': '2',
    'model.in_channels': 3,
    'model.out_channels': 2,
    'model.widths': (4,),
    'model.latent_channels': 4,
  }
  workdir = tmp_path_factory.mktemp('segmentation')
  return save_run(workdir, 'segmentation', 'unpool', options)


@pytest.fixture(scope='module')
def denoising(tmp_path_factory):
  """Returns a denoising run whose data no longer exists."""
  options = {
    'data.source': 'folder:nowhere',
    'model.in_channels': 4,
    'model.out_channels': 3,
    'model.widths': (4,),
    'model.latent_channels': 4,
  }
  workdir = tmp_path_factory.mktemp('denoising')
  return save_run(workdir, 'denoising', 'flexible', options)


def page_of(folder):
  """Returns the page, the sizes of its pictures, and the numbers."""
  page = (folder / 'inside.html').read_text()
  pictures = [
    Image.open(io.BytesIO(base64.b64decode(data))).size
    for data in re.findall(r'src="data:image/webp;base64,([^"]+)"', page)
  ]
  return page, pictures, json.loads((folder / 'inside.json').read_text())


def test_a_segmentation_run_gets_its_page(segmentation, capsys):
  request, tmp_path = segmentation, segmentation.workdir
  (tmp_path / 'report.html').write_text('<h1>Segmentation</h1>')
  assert modes.inspect(request) == 0
  assert f'Inside: {tmp_path}/inside.html' in capsys.readouterr().out
  page, pictures, numbers = page_of(tmp_path)
  linked = (tmp_path / 'report.html').read_text()
  assert linked.count('href="inside.html"') == 1
  assert 'href="report.html"' in page
  assert not re.search(r'https?:|@import|url\(', page)
  assert 'after 7 steps' in page and 'the positions of the maxima' in page
  assert 'this picture is the same for every image' not in page
  names = [layer['name'] for layer in numbers['layers']]
  assert names == ['block0_0.relu', 'latent', 'output']
  # Receptive fields, channels, walks, and sweeps.
  assert len(pictures) == 3 + 2 * 4 + 2 + 2
  for layer in numbers['layers'][:-1]:
    assert layer['receptive_field']['size'] >= layer['measured']['rows']
    for strongest in layer['strongest'].values():
      for one in strongest:
        assert 0 <= one['rows'][0] < one['rows'][1] <= 64
  assert numbers['latent']['effect_unit'] == '% of the pixels'


def test_a_segmentation_model_is_inspected_on_photos_without_labels(
  segmentation, folder, tmp_path, monkeypatch
):
  photos = shutil.copytree(folder / 'images', tmp_path / 'photos')
  request = dataclasses.replace(
    segmentation,
    data=f'folder:{photos}',
    output=str(tmp_path / 'out'),
  )
  seen = []

  def look(model, task, config, source, *, progress):
    """Cuts windows; the rest is the same as for labelled photos."""
    seen.extend(windows.cut(task, config, source, count=9))
    return seen

  def write_page(folder, found, info):
    assert info['data'] == 'photos' and found is seen
    return folder

  monkeypatch.setattr(inspection, 'look', look)
  monkeypatch.setattr(inspection, 'write_page', write_page)
  assert modes.inspect(request) == 0
  assert [window.inputs.shape for window in seen] == [(44, 44, 3)] * 2
  # Evaluation still needs labels.
  with pytest.raises(ValueError, match='have no labels'):
    modes.evaluate(request)


def test_a_pretrained_model(folder, tmp_path, monkeypatch):
  workdir = pretrained.resolve('pretrained:super_resolution')
  run = workdir_lib.load(workdir)
  request = request_lib.Request(
    workdir, run.config, run.task, str(workdir / 'experiment.py'),
    data=f'folder:{folder / "images"}', output=str(tmp_path),
  )  # fmt: skip
  # A small model instead of the stored one, which takes long to compile.
  config = dataclasses.replace(run.config)
  config.model = dataclasses.replace(
    config.model, widths=(4,), latent_channels=4
  )
  model, _ = load_random(run.task, config)
  step = run.record['step']
  monkeypatch.setattr(checkpoint, 'load_step', lambda path: (model, step))
  assert modes.inspect(request) == 0
  page, _, numbers = page_of(tmp_path)
  assert 'report' not in page.split('</style>')[1]
  assert 'this picture is the same for every image' in page
  assert 'held as they are in the left image' in page
  assert numbers['data'] == 'images' and numbers['step'] == step
  # In pixels of the picture, which is twice as large as the network's input.
  strongest = numbers['layers'][0]['strongest']
  (one, *_) = next(iter(strongest.values()))
  assert one['rows'][1] - one['rows'][0] == 2 * 5
  assert numbers['latent']['effect_of_all'] > 0
  assert not list(workdir.glob('inside*'))


@pytest.mark.parametrize('prior', ['hyperprior', 'factorized'])
def test_bits_of_a_codec_use_its_own_steps(
  folder, tmp_path, monkeypatch, prior
):
  options = {
    'data.source': f'folder:{folder / "images"}',
    'model.in_channels': 3,
    'model.out_channels': 3,
    'model.widths': (4,),
    'model.latent_channels': 3,
    'codec.hyper_channels': 2,
    'codec.prior': prior,
  }
  request = save_run(tmp_path, 'compression', None, options)
  gain = np.exp(np.random.default_rng(0).normal(3.0, 0.5, (9, 3)))
  model, _ = checkpoint.load_step(tmp_path)
  model.log_gain[...] = np.log(gain).astype(np.float32)
  config = request.config.for_evaluation()
  source = data.open_source(config.data.source, 'test', channels=3)
  # This test is about the latent only.
  nothing = None, np.zeros((1, 1))
  monkeypatch.setattr(fields, 'measure_layer', lambda *args: nothing)
  monkeypatch.setattr(features, 'show', lambda *args: {})
  found = inside_lib.look(model, request.task, config, source)
  # The fifth of nine qualities; the latent times the gain is rounded.
  np.testing.assert_allclose(found.latent.step, 1 / gain[4], rtol=1e-5)
  page_lib.write_page(tmp_path, found, {'data': 'images', 'step': 7})
  text, _, numbers = page_of(tmp_path)
  assert "the codec's own step at quality 5" in text
  assert 'a sixteenth' not in text
  predicted = 'the mean that its side information predicts' in text
  assert predicted == (prior == 'hyperprior')
  assert numbers['latent']['step_of_quality'] == 5


def test_what_cannot_be_inspected_is_refused(denoising, tmp_path, monkeypatch):
  options = {'model.in_channels': 3, 'model.out_channels': 3}
  fresh = save_run(tmp_path / 'run', 'denoising', None, options, saved=False)
  with pytest.raises(ValueError, match='has no checkpoint yet'):
    modes.inspect(fresh)
  blocked = tmp_path / 'file'
  blocked.write_text('')
  with pytest.raises(ValueError, match='output folder .*file cannot be writ'):
    modes.inspect(dataclasses.replace(denoising, output=str(blocked)))
  decoder = models.Decoder(3, (4,), 0, 4, rngs=nnx.Rngs(0))
  monkeypatch.setattr(checkpoint, 'load_step', lambda path: (decoder, 1))
  words = 'A Decoder cannot be inspected: it lacks answer, enc.*, receptive_'
  with pytest.raises(ValueError, match=words):
    modes.inspect(denoising)


def test_the_link_is_added_to_a_report_once(tmp_path):
  path = tmp_path / 'report.html'
  path.write_text('<header>\n  <h1>A &lt;/h1&gt; name</h1>\n</header>')
  report.link_inside(path)
  once = path.read_text()
  report.link_inside(path)
  assert path.read_text() == once
  assert once.index('</h1>') < once.index('href="inside.html"')
