"""A learned image codec that writes files: `compress` and `decompress`.

    from autoencoder import codec

    model = codec.load('pretrained:compression')
    data = codec.compress(model, image, quality=3)  # uint8 [H, W, 3] -> bytes
    image = codec.decompress(model, data)

A file decodes to a bit-identical latent on every machine; `integer` explains
how. docs/bitstream.md describes the format.
"""

from autoencoder.codec.bitstream import MAX_PIXELS
from autoencoder.codec.coding import CodecModel
from autoencoder.codec.coding import check_quality
from autoencoder.codec.coding import compress
from autoencoder.codec.coding import decompress
from autoencoder.codec.export import make_latent_code
from autoencoder.codec.files import compress_files
from autoencoder.codec.files import decompress_files
from autoencoder.codec.integer import IntegerNetwork
from autoencoder.codec.latents import LatentCode
from autoencoder.codec.trained import TrainedCodec
from autoencoder.codec.trained import load

__all__ = [
  'MAX_PIXELS',
  'CodecModel',
  'IntegerNetwork',
  'LatentCode',
  'TrainedCodec',
  'check_quality',
  'compress',
  'compress_files',
  'decompress',
  'decompress_files',
  'load',
  'make_latent_code',
]
