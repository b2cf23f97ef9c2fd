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


def test_importing_the_package_stays_light():
  code = (
    'import sys, autoencoder; '
    "heavy = {'tensorflow_datasets', 'orbax', 'matplotlib', 'grain', 'skimage',"
    " 'sklearn', 'tensorboardX', 'tensorflow'}; "
    'print(sorted(heavy & set(sys.modules)))'
  )
  # Flax imports orbax.export by itself in some versions; ours must add none.
  base = 'import flax.nnx; ' + code.replace(', autoencoder;', ';')
  ours, flax = (
    subprocess.run(
      [sys.executable, '-c', each], capture_output=True, text=True, check=True
    ).stdout
    for each in (code, base)
  )
  assert ours == flax


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
