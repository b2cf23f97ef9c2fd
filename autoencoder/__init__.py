"""Convolutional autoencoders in JAX and Flax NNX.

import autoencoder

model = autoencoder.load('runs/denoising')
restored = model(noisy)  # float32 [N, H, W, 3] in [0, 1]
"""

import importlib
import os
from typing import TYPE_CHECKING
from typing import Any

if TYPE_CHECKING:
  from flax import nnx

  from autoencoder import layers
  from autoencoder import models
  from autoencoder import pretrained
  from autoencoder.image import losses
  from autoencoder.image import metrics

# Imported when they are first used: `launch.py --help` needs none of them, and
# JAX and Flax take seconds to import.
_LAZY = {
  'layers': 'autoencoder.layers',
  'losses': 'autoencoder.image.losses',
  'metrics': 'autoencoder.image.metrics',
  'models': 'autoencoder.models',
  'pretrained': 'autoencoder.pretrained',
}


def load(workdir: str | os.PathLike) -> 'nnx.Module':
  """Returns the trained model of a run, or one that comes with the package.

  See `autoencoder.runs.checkpoint.load`. A name in
  `autoencoder.pretrained.names()` means 'pretrained:NAME', unless a directory
  has that name.
  """
  from autoencoder.runs import checkpoint
  from autoencoder.runs import packaged

  if str(workdir) in packaged.names() and not os.path.isdir(workdir):
    workdir = f'{packaged.PREFIX}{workdir}'
  return checkpoint.load(workdir)


def __getattr__(name: str) -> Any:
  if name in _LAZY:
    return importlib.import_module(_LAZY[name])
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  return sorted([*globals(), *_LAZY])


__all__ = [
  'layers',
  'load',
  'losses',
  'metrics',
  'models',
  'pretrained',
]
