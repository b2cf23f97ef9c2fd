"""Convolutional autoencoders in JAX and Flax NNX.

    import autoencoder

    model = autoencoder.load('runs/denoising')
    restored = model(noisy)  # float32 [N, H, W, 3] in [0, 1]
"""

import os

# Importing this package stays light: the data sets, Orbax and matplotlib are
# imported by what uses them.
from autoencoder import layers
from autoencoder import losses
from autoencoder import metrics
from autoencoder import models


def load(workdir: str | os.PathLike) -> models.Autoencoder:
  """Returns the trained model of a run; see `autoencoder.checkpoint.load`."""
  from autoencoder import checkpoint

  return checkpoint.load(workdir)


__all__ = [
  'layers',
  'load',
  'losses',
  'metrics',
  'models',
]
