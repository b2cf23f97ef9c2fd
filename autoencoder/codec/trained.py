"""A trained model as `coding.CodecModel`, with its tables kept in a file.

The tables are made from floats, once, and stored beside the weights. They are
made again only where the weights are others; files name both by a digest.
"""

import hashlib
import io
import os
import pathlib
from typing import Any
import zipfile
import zlib

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors
from autoencoder import models
from autoencoder.codec import bitstream
from autoencoder.codec import export
from autoencoder.codec import latents
from autoencoder.inference import predictor
from autoencoder.runs import files

TABLES_FILE = 'codec.npz'


class TrainedCodec:
  """`coding.CodecModel` of an `nnx.Module`, compiled for each size of image.

  Args:
    model: a `models.Compressor`.
    code: its entropy coding; by default made now. Files can be read as long as
      it is kept: made again on another machine it may differ.
  """

  def __init__(self, model: nnx.Module, code: latents.LatentCode | None = None):
    self.code = code or export.make_latent_code(*model.entropy_parts())
    self.weights_digest = _digest(model)
    digest = self.code.digest()
    digest.update(self.weights_digest)
    self.digest = digest.digest()[: bitstream.DIGEST_BYTES]
    self.stride = model.stride
    self.analysis_radius = model.analysis_radius
    self.synthesis_radius = model.synthesis_radius
    self._analyse = predictor.compile_with_model(model, _analyse)
    self._hyper_analyse = predictor.compile_with_model(
      model, lambda model, y: model.hyper_analyse(y[None])[0]
    )
    self._synthesise = predictor.compile_with_model(model, _synthesise)

  def analyse(self, pixels: np.ndarray) -> np.ndarray:
    """See `coding.CodecModel`."""
    return np.asarray(self._analyse(pixels))

  def hyper_analyse(self, y: np.ndarray) -> np.ndarray | None:
    """See `coding.CodecModel`."""
    if self.code.network is None:
      return None
    return np.asarray(self._hyper_analyse(y))

  def synthesise(self, y: np.ndarray) -> np.ndarray:
    """See `coding.CodecModel`."""
    return np.asarray(self._synthesise(y))

  def save_tables(self, folder: str | os.PathLike) -> None:
    """Writes `TABLES_FILE`, which appears complete or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(
      buffer,
      weights_digest=np.frombuffer(self.weights_digest, np.uint8),
      **self.code.to_arrays(),
    )
    files.write_bytes(pathlib.Path(folder) / TABLES_FILE, buffer.getvalue())


def load(workdir: str | os.PathLike) -> TrainedCodec:
  """Returns the codec of a run, or of one that comes with the package.

  Its tables are read from `TABLES_FILE`, which is made where it is missing or
  belongs to other weights (those of fewer steps).

  Args:
    workdir: a directory that `launch.py` trained in, or 'pretrained:NAME'.

  Raises:
    ValueError: no run there, one of another kind, or a damaged file.

  Example:

    model = codec.load('pretrained:compression')
    data = codec.compress(model, image, quality=3)
  """
  from autoencoder.runs import (
    checkpoint,  # Not needed by those who have a model.
  )
  from autoencoder.runs import packaged

  model = checkpoint.load(workdir)
  if not models.can(model, models.Compressor):
    raise errors.UserError(
      f'The model in {workdir} does not compress: use that of a run of '
      'experiments/compression.py.'
    )
  folder = packaged.resolve(workdir)
  path = folder / TABLES_FILE
  if path.exists():
    code, weights_digest = _read(path)
    if weights_digest == _digest(model):
      return TrainedCodec(model, code)
  codec = TrainedCodec(model)
  codec.save_tables(folder)
  return codec


def _read(path: pathlib.Path) -> tuple[latents.LatentCode, bytes]:
  """Returns what `save_tables` wrote."""
  try:
    # Opened here: NumPy leaves a damaged file open.
    with open(path, 'rb') as file, np.load(file) as archive:
      arrays = dict(archive)
    digest = arrays.pop('weights_digest').tobytes()
    return latents.LatentCode.from_arrays(arrays), digest
  except (
    ValueError,
    KeyError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
  ) as error:
    reason = (str(error) or repr(error)).splitlines()[0]
    raise errors.UserError(f'{path} is damaged: {reason}') from error


def _digest(model: nnx.Module) -> bytes:
  """Returns the SHA-256 of all variables of a model but its random state."""
  digest = hashlib.sha256()
  state = nnx.as_pure(nnx.state(model, nnx.Not(nnx.RngState)))
  for path, leaf in jax.tree_util.tree_leaves_with_path(state):
    array = np.asarray(leaf)
    name = jax.tree_util.keystr(path)
    digest.update(f'{name} {array.dtype.name} {array.shape}'.encode())
    digest.update(array.tobytes())
  return digest.digest()


def _analyse(model: Any, pixels: jax.Array) -> jax.Array:
  return model.analyse(pixels[None].astype(jnp.float32) / 255)[0]


def _synthesise(model: Any, y: jax.Array) -> jax.Array:
  image = jnp.clip(model.synthesise(y[None])[0], 0.0, 1.0)
  return jnp.round(255 * image).astype(jnp.uint8)
