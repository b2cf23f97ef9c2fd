"""Convolutional autoencoders in JAX and Flax NNX.

import autoencoder

model = autoencoder.load('runs/denoising')
restored = model(noisy)  # float32 [N, H, W, 3] in [0, 1]
"""

import os

from flax import nnx

# Importing this package stays light: the data sets, Orbax and matplotlib are
# imported by what uses them.
from autoencoder import layers
from autoencoder import models
from autoencoder import pretrained
from autoencoder.image import losses
from autoencoder.image import metrics


def load(workdir: str | os.PathLike) -> nnx.Module:
  """Returns the trained model of a run, or one that comes with the package.

  See `autoencoder.runs.checkpoint.load`. A name in
  `autoencoder.pretrained.names()` stands for 'pretrained:NAME' where
  there is no such directory.
  """
  from autoencoder.runs import checkpoint

  if str(workdir) in pretrained.names() and not os.path.isdir(workdir):
    workdir = f'{pretrained.PREFIX}{workdir}'
  return checkpoint.load(workdir)


__all__ = [
  'layers',
  'load',
  'losses',
  'metrics',
  'models',
  'pretrained',
]
