"""Digests and files do not depend on the 64-bit mode of JAX."""

import hashlib

import jax
import numpy as np
import pytest

from autoencoder import codec
from autoencoder import errors
from autoencoder.codec import trained
from autoencoder.runs import packaged


def test_64_bit_mode_changes_neither_digest_nor_files_nor_the_package():
  path = packaged.resolve('pretrained:compression') / trained.TABLES_FILE
  before = hashlib.sha256(path.read_bytes()).digest()
  usual = codec.load('pretrained:compression')
  pixels = np.random.default_rng(0).integers(0, 256, (40, 33, 3), np.uint8)
  data = codec.compress(usual, pixels, quality=3)
  decoded = codec.decompress(usual, data)
  with jax.enable_x64(True):
    wide = codec.load('pretrained:compression')
    assert wide.digest == usual.digest
    assert codec.compress(wide, pixels, quality=3) == data
    np.testing.assert_array_equal(codec.decompress(wide, data), decoded)
  assert hashlib.sha256(path.read_bytes()).digest() == before


def test_a_model_of_the_package_is_never_written_to(monkeypatch, tmp_path):
  monkeypatch.setattr(packaged, '_FOLDER', tmp_path)
  assert packaged.contains(tmp_path / 'compression')
  assert not packaged.contains(tmp_path.parent)
  monkeypatch.undo()
  monkeypatch.setattr(trained, '_digest', lambda model: b'other')
  monkeypatch.setattr(
    trained.TrainedCodec, 'save_tables', lambda *_: pytest.fail('written')
  )
  with pytest.raises(errors.UserError, match='install the package'):
    codec.load('pretrained:compression')
