"""A trained model as a `coding.CodecModel`, with its tables kept in a file.

The tables are computed from floats once and stored beside the weights. They
are computed again only if the weights have changed, which a digest tells.
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
  """The `coding.CodecModel` of an NNX model, compiled once per image size.

  Args:
    model: an NNX module that is a `models.Compressor`.
    code: its entropy coding. None computes it now. NOTE: files can be decoded
      only with the code that they were made with, and another machine may
      compute a different one, so keep it with `save_tables`.
  """

  def __init__(
    self, model: models.Compressor, code: latents.LatentCode | None = None
  ):
    # Files must not depend on the 64-bit mode of the process that uses them.
    with jax.enable_x64(False):
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
    with jax.enable_x64(False):
      return np.asarray(self._analyse(pixels))

  def hyper_analyse(self, y: np.ndarray) -> np.ndarray | None:
    """See `coding.CodecModel`."""
    if self.code.network is None:
      return None
    with jax.enable_x64(False):
      return np.asarray(self._hyper_analyse(y))

  def synthesise(self, y: np.ndarray) -> np.ndarray:
    """See `coding.CodecModel`."""
    with jax.enable_x64(False):
      return np.asarray(self._synthesise(y))

  def save_tables(self, folder: str | os.PathLike) -> None:
    """Writes `TABLES_FILE` into a folder, atomically."""
    arrays = self.code.to_arrays()
    arrays['weights_digest'] = np.frombuffer(self.weights_digest, np.uint8)
    buffer = io.BytesIO()
    # mypy takes any name for the option `allow_pickle`.
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    files.write_bytes(pathlib.Path(folder) / TABLES_FILE, buffer.getvalue())


def load(workdir: str | os.PathLike) -> TrainedCodec:
  """Returns the codec of a run, or of a model that comes with the package.

  The tables are read from `TABLES_FILE` in the run. If that file is missing, or
  belongs to other weights (of an earlier step), it is written. Models of the
  package are never changed.

  Args:
    workdir: a directory that `launch.py` trained in, or 'pretrained:NAME'.

  Raises:
    UserError: there is no run, its model does not compress, or a file is
      damaged.

  Example:

    model = codec.load('pretrained:compression')
    data = codec.compress(model, image, quality=3)
  """
  # Imported here: slow, and not needed with a model at hand.
  from autoencoder.runs import checkpoint
  from autoencoder.runs import packaged

  model: Any = checkpoint.load(workdir)  # An NNX module of unknown class.
  if not models.can(model, models.Compressor):
    raise errors.UserError(
      f'The model in {workdir} does not compress: give a run of '
      'experiments/compression.py.'
    )
  folder = packaged.resolve(workdir)
  path = folder / TABLES_FILE
  if path.exists():
    code, weights_digest = _read(path)
    if weights_digest == _digest(model):
      return TrainedCodec(model, code)
    if packaged.contains(folder):
      raise errors.UserError(
        f'{path} does not belong to the weights beside it: install the package '
        'again.'
      )
  try:
    codec = TrainedCodec(model)
  except ValueError as error:
    raise errors.UserError(f'The model in {workdir}: {error}') from error
  if not packaged.contains(folder):
    codec.save_tables(folder)
  return codec


def _read(path: pathlib.Path) -> tuple[latents.LatentCode, bytes]:
  """Returns the code and the digest of the weights that were saved."""
  try:
    # `np.load(path)` would not close a damaged file.
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
    raise errors.UserError(
      f'{path} is damaged: {reason}. Fetch it again. In a run of your own, '
      'delete it and it is made again; files compressed before may then be '
      'undecodable.'
    ) from error


def _digest(model: Any) -> bytes:
  """Returns the SHA-256 of all variables of a model but its random state."""
  digest = hashlib.sha256()
  state = nnx.as_pure(nnx.state(model, nnx.Not(nnx.RngState)))
  for path, leaf in jax.tree_util.tree_leaves_with_path(state):
    array = np.asarray(leaf)
    name = jax.tree_util.keystr(path)
    digest.update(f'{name} {array.dtype.name} {array.shape}'.encode())
    digest.update(array.tobytes())
  return digest.digest()


def _analyse(model: models.Compressor, pixels: jax.Array) -> jax.Array:
  """Returns the latent of uint8 pixels, both without batch."""
  return model.analyse(pixels[None].astype(jnp.float32) / 255)[0]


def _synthesise(model: models.Compressor, y: jax.Array) -> jax.Array:
  """Returns the uint8 pixels of a latent, both without batch."""
  image = jnp.clip(model.synthesise(y[None])[0], 0.0, 1.0)
  return jnp.round(255 * image).astype(jnp.uint8)
