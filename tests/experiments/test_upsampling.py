"""The experiment from its options to its report, and its page in the docs."""

import importlib.util
import json
import pathlib

import numpy as np
import pytest

from autoencoder.cli import modes
from autoencoder.cli import request as request_lib
from autoencoder.runs import experiment as experiment_lib

ROOT = pathlib.Path(__file__).parent.parent.parent
PATH = ROOT / 'experiments' / 'upsampling.py'


@pytest.fixture(scope='module')
def experiment():
  return experiment_lib.load(PATH)


def test_every_variant_names_another_model(experiment):
  shown = set()
  for name in experiment.VARIANTS:
    config = experiment.get_config(name)
    config.validate()
    assert not config.model.skips and not config.model.residual
    shown.add((config.model.upsampling, config.model.kernel))
  assert len(shown) == len(experiment.VARIANTS) == 9


@pytest.mark.parametrize(
  'variant', ['transposed-plain', 'subpixel-plain', 'unpool']
)
def test_a_run_from_options_to_report(
  experiment, photos, shrink, tmp_path, variant
):
  config = shrink(experiment.get_config(variant), photos)
  request = request_lib.Request(
    tmp_path, config, experiment.TASK, str(PATH), variant
  )
  assert modes.train(request) == 0
  assert (tmp_path / modes.REPORT_FILE).stat().st_size > 0
  (path,) = (tmp_path / modes.EVALUATION_FOLDER).glob('*.json')
  mean = json.loads(path.read_text())['mean']
  assert list(mean) == ['model']
  assert np.isfinite(mean['model']['psnr'])


def test_the_page_holds_what_was_measured(experiment):
  path = ROOT / 'benchmarks' / 'upsampling_report.py'
  spec = importlib.util.spec_from_file_location('upsampling_report', path)
  report = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(report)
  results = ROOT / 'benchmarks' / 'results' / 'upsampling.json'
  result = json.loads(results.read_text())
  assert list(result['variants']) == list(experiment.VARIANTS)
  page = (ROOT / 'docs' / 'upsampling.md').read_text()
  for text in report.sections(result).values():
    assert text in page
  assert (ROOT / 'docs' / 'images' / 'upsampling.png').stat().st_size > 0
