"""The pretrained models: complete, and as good as their cards say."""

import dataclasses
import json
import pathlib

import jax
import numpy as np
from PIL import Image
import pytest

import autoencoder
from autoencoder import pretrained
from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.evaluation import image_codecs
from autoencoder.pretrained import export
from autoencoder.runs import checkpoint
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import packaged
from autoencoder.runs import workdir as workdir_lib
from autoencoder.training import loop
from autoencoder.training import setup

ROOT = pathlib.Path(__file__).parents[2]

# Maximum size in bytes of the models that may exceed 2 MiB.
LIMITS = {'compression': 4 * 2**20, 'segmentation': 2.5 * 2**20}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  """A folder with a run of one step, exported to the subfolder `package`."""
  tmp_path = tmp_path_factory.mktemp('exported')
  module = experiment_lib.load(ROOT / 'experiments' / 'denoising.py')
  config = module.get_config()
  config.model.widths, config.model.latent_channels = (4, 6), 4
  config.model.blocks, config.train.muon_learning_rate = 0, 0.0
  config.train.steps, config.train.batch_size = 1, 8
  config.data.crop = 16
  photos = tmp_path / 'photos'
  photos.mkdir()
  noise = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
  Image.fromarray(noise).save(photos / 'a.png')
  config.data.source = f'folder:{photos}'
  run = tmp_path / 'run'
  training = setup.set_up(config, module.TASK)
  workdir_lib.save(
    run,
    ROOT / 'experiments' / 'denoising.py',
    None,
    training.config,
    training_seconds=60.0,
    machine='here',
    commit='0',
  )
  loop.train(training, run)
  (run / 'set.json').write_text(
    json.dumps(
      {
        'mean': {
          'input': {'psnr': 20.0},
          'model': {'psnr': 32.125, 'per_class': {'sky': 0.5}},
        },
        'images': [{'name': 'a', 'model': {'psnr': 32.5}}],
      }
    )
  )
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(packaged, '_FOLDER', tmp_path / 'package')
    export.export(run, tmp_path / 'package' / 'tiny', [run / 'set.json'])
  return tmp_path


@pytest.fixture
def exported(trained, monkeypatch):
  """The run; its exported model replaces the models of the package."""
  monkeypatch.setattr(packaged, '_FOLDER', trained / 'package')
  return trained / 'run'


def test_an_exported_model_is_the_run_in_half_precision(exported):
  assert pretrained.names() == ['tiny']
  image = jax.random.uniform(jax.random.key(0), (1, 9, 13, 3))
  expected = checkpoint.load(exported)(image)
  for name in ('tiny', 'pretrained:tiny'):
    answer = autoencoder.load(name)(image)
    np.testing.assert_allclose(answer, expected, atol=1e-2)
  _, step = checkpoint.load_step('pretrained:tiny')
  assert step == 1


def test_the_card_has_data_and_numbers_but_no_local_path(exported):
  folder = pretrained.resolve('pretrained:tiny')
  text = (folder / pretrained.CARD_FILE).read_text()
  assert 'On set' in text and '32.12' in text and 'folder:photos' in text
  config = (folder / workdir_lib.CONFIG_FILE).read_text()
  assert str(exported.parent) not in text + config


def test_every_task_has_a_model():
  assert pretrained.names() == [
    'colourisation',
    'compression',
    'denoising',
    'denoising_white',
    'inpainting',
    'segmentation',
    'super_resolution',
  ]


def test_the_error_for_an_unknown_name_lists_the_known_ones(exported):
  with pytest.raises(ValueError, match="no pretrained model 'tny'.*tiny"):
    pretrained.resolve('pretrained:tny')


def measured_here():
  """Returns `(model, name of the numbers)` for data that comes with us.

  Of a model with several numbers, these are the first and the last: the default
  options, and others.
  """
  measured = []
  for name in pretrained.names():
    folder = pretrained.resolve(f'pretrained:{name}')
    stems = [
      stem
      for stem in workdir_lib.load(folder).record['first_images']
      if stem.split('-')[0] in ('sample_photos', 'scenes')
    ]
    measured += [(name, stem) for stem in dict.fromkeys(stems[:1] + stems[-1:])]
  return measured


def test_every_model_is_measured_on_our_own_data():
  assert {name for name, _ in measured_here()} == {*pretrained.names()}
  assert ('denoising_white', 'sample_photos-sigma-50.0') in measured_here()


@pytest.mark.parametrize('name, stem', measured_here())
def test_a_model_of_the_package_is_as_good_as_its_card_says(
  name, stem, tmp_path, monkeypatch
):
  # Classical methods take longer than the model and are tested elsewhere.
  jpeg = image_codecs.CODECS['JPEG']._replace(tried=(10, 30, 60, 90))
  monkeypatch.setattr(image_codecs, 'CODECS', {'JPEG': jpeg})
  folder = pretrained.resolve(f'pretrained:{name}')
  run = workdir_lib.load(folder)
  assert (folder / pretrained.CARD_FILE).read_text() == export.card(
    name, run.record
  )
  size = sum(path.stat().st_size for path in folder.glob('*.npz'))
  assert size <= LIMITS.get(name, 2 * 2**20)
  # An installed package has no experiments/, so it needs the copy.
  original = ROOT / run.record['experiment']
  copy = folder / workdir_lib.EXPERIMENT_FILE
  assert copy.read_text() == original.read_text()
  run.config.evaluation.max_images = run.config.evaluation.report_images = 1
  settings = run.record.get('measured_with', {stem: {}})
  usual, *_ = settings.values()
  changed = {
    option: tuple(value) if isinstance(value, list) else value
    for option, value in settings[stem].items()
    if value != usual[option]
  }
  workdir_lib.assign(run.config, changed)
  request = request_lib.Request(
    folder,
    run.config,
    dataclasses.replace(run.task, baselines={}),
    str(copy),
    output=str(tmp_path),
    overrides=changed,
  )
  assert modes.evaluate(request) == 0
  path = tmp_path / f'{stem}.json'
  assert path.with_suffix('.html').is_file()
  measured = json.loads(path.read_text())['mean']['model']
  expected = run.record['first_images'][stem]
  for metric, value in expected.items():
    assert measured[metric] == pytest.approx(value, abs=0.01), metric
