"""Convolutional sparse coding, and the deconvolutional network built on it."""

from autoencoder.sparse.network import Decomposition
from autoencoder.sparse.network import DeconvolutionalNetwork
from autoencoder.sparse.network import in_pixels
from autoencoder.sparse.options import Options

__all__ = [
  'Decomposition',
  'DeconvolutionalNetwork',
  'Options',
  'in_pixels',
]
