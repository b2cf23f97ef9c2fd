import importlib.util
import pathlib
import sys

import pytest

from autoencoder import codec

# Imported by path, because the processes that tests start do the same.
_spec = importlib.util.spec_from_file_location(
  'tiny', pathlib.Path(__file__).with_name('tiny.py')
)
_tiny = importlib.util.module_from_spec(_spec)
sys.modules['tiny'] = _tiny
_spec.loader.exec_module(_tiny)


@pytest.fixture(scope='session')
def tiny():
  """The module of the small random model."""
  return _tiny


@pytest.fixture(scope='session', params=[True, False], ids=['hyper', 'factor'])
def either(request):
  """A codec with, and a codec without side information."""
  return codec.TrainedCodec(_tiny.make(request.param))


@pytest.fixture(scope='session')
def model():
  return codec.TrainedCodec(_tiny.make())
