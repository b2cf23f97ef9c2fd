"""Models: NNX modules, usable in Linen through `nnx.bridge.ToLinen`.

`protocol` documents the attributes that a model must and may have.
"""

from autoencoder.models import upsamplings
from autoencoder.models.autoencoder import Autoencoder
from autoencoder.models.building import Structure
from autoencoder.models.building import count_parameters
from autoencoder.models.building import draw
from autoencoder.models.building import split
from autoencoder.models.compression_model import Compressed
from autoencoder.models.compression_model import CompressionModel
from autoencoder.models.decoder import Decoder
from autoencoder.models.encoder import Encoded
from autoencoder.models.encoder import Encoder
from autoencoder.models.protocol import Compressor
from autoencoder.models.protocol import Decomposable
from autoencoder.models.protocol import Inspectable
from autoencoder.models.protocol import Model
from autoencoder.models.protocol import PlainLayer
from autoencoder.models.protocol import Tileable
from autoencoder.models.protocol import can
from autoencoder.models.protocol import lacks
from autoencoder.models.protocol import require

__all__ = [
  'Autoencoder',
  'Compressed',
  'CompressionModel',
  'Compressor',
  'Decoder',
  'Decomposable',
  'Encoded',
  'Encoder',
  'Inspectable',
  'Model',
  'PlainLayer',
  'Structure',
  'Tileable',
  'can',
  'count_parameters',
  'draw',
  'lacks',
  'require',
  'split',
  'upsamplings',
]
