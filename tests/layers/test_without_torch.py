"""The benchmarks of the layers run without PyTorch."""

import importlib.util
import pathlib
import sys

from autoencoder import models

BENCHMARKS = pathlib.Path(__file__).parents[2] / 'benchmarks'


def _load(name):
  """Returns the module, without adding it to `sys.modules`."""
  spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f'{name}.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def test_no_column_for_pytorch(monkeypatch):
  monkeypatch.setitem(sys.modules, 'torch', None)  # Makes its import fail.
  assert _load('convolutions').torch is None
  training_step = _load('training_step')
  monkeypatch.setattr(models, 'Autoencoder', lambda **options: None)
  monkeypatch.setattr(training_step.nnx, 'state', lambda _: None)
  monkeypatch.setattr(training_step.nnx, 'update', lambda *_: None)
  monkeypatch.setattr(training_step, '_jax_step', lambda *_: (lambda: 0.0, {}))
  steps, costs = training_step.runs(1, 8)
  assert list(steps) == list(costs) == ['ours', 'flax']
