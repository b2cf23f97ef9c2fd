"""Models: NNX modules, usable in Linen through `nnx.bridge.ToLinen`."""

from autoencoder.models.autoencoder import Autoencoder
from autoencoder.models.autoencoder import build
from autoencoder.models.autoencoder import count_parameters
from autoencoder.models.building import draw
from autoencoder.models.compression import Compressed
from autoencoder.models.compression import CompressionModel
from autoencoder.models.decoder import Decoder
from autoencoder.models.encoder import Encoded
from autoencoder.models.encoder import Encoder

__all__ = [
  'Autoencoder',
  'Compressed',
  'CompressionModel',
  'Decoder',
  'Encoded',
  'Encoder',
  'build',
  'count_parameters',
  'draw',
]
