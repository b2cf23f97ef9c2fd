"""The public names of the package, and what importing it costs."""

import inspect
import subprocess
import sys

import pytest

import autoencoder
from autoencoder import codec
from autoencoder import data
from autoencoder import evaluation
from autoencoder import inference
from autoencoder import inspection
from autoencoder import layers
from autoencoder import models


def _run(code):
  """Returns what a new interpreter prints."""
  return subprocess.run(
    [sys.executable, '-c', code], capture_output=True, text=True, check=True
  ).stdout


def test_importing_the_package_imports_no_jax():
  modules = "{'jax', 'flax', 'numpy'} & set(sys.modules)"
  assert _run(f'import sys, autoencoder; print({modules})') == 'set()\n'


def test_its_layers_and_models_stay_light():
  listed = (
    "heavy = {'tensorflow_datasets', 'orbax', 'matplotlib', 'grain', 'skimage',"
    " 'sklearn', 'tensorboardX', 'tensorflow'}; "
    'print(sorted(heavy & set(sys.modules)))'
  )
  ours = _run(
    'import sys, autoencoder as a; a.layers, a.losses, a.metrics, a.models, '
    f'a.pretrained; {listed}'
  )
  # Some versions of Flax import orbax.export; ours must add nothing.
  assert ours == _run(f'import sys, flax.nnx; {listed}')


@pytest.mark.parametrize(
  'module',
  [
    autoencoder,
    codec,
    data,
    evaluation,
    inference,
    inspection,
    layers,
    models,
  ],  # fmt: skip
  ids=lambda module: module.__name__,
)
def test_every_public_name_exists_and_is_documented(module):
  assert module.__all__
  for name in module.__all__:
    value = getattr(module, name)
    if inspect.ismodule(value) or callable(value):
      assert inspect.getdoc(value), name


def test_keys_come_first_and_are_called_key():
  from autoencoder.image import corruptions

  for name, function in inspect.getmembers(corruptions, inspect.isfunction):
    parameters = list(inspect.signature(function).parameters)
    assert 'rng' not in parameters, name
    if 'key' in parameters:
      assert parameters[0] == 'key', name
