"""Files written by one process are read by others with other settings."""

import json
import os
import pathlib
import subprocess
import sys

from flax import nnx
import jax
import numpy as np

from autoencoder import codec
from autoencoder.codec import bitstream
from autoencoder.codec import latents

_HERE = pathlib.Path(__file__).parent
_SIZES = [(1, 1), (70, 52)]

# Loads the weights and tables of the parent, decodes its files, and compresses.
_CHILD = """
import json, os, pathlib, sys
import jax
jax.config.update('jax_num_cpu_devices', int(os.environ['DEVICES']))
from flax import nnx
import numpy as np
sys.path.insert(0, sys.argv[1])
import tiny
from autoencoder import codec
from autoencoder.codec import bitstream, latents
folder = pathlib.Path(sys.argv[2])
module = nnx.eval_shape(tiny.make)
with np.load(folder / 'weights.npz') as weights:
  nnx.update(module, jax.tree_util.tree_map_with_path(
    lambda path, leaf: jax.numpy.asarray(weights[jax.tree_util.keystr(path)]),
    nnx.as_pure(nnx.state(module))))
with np.load(folder / 'code.npz') as arrays:
  code = latents.LatentCode.from_arrays(dict(arrays))
model = codec.TrainedCodec(module, code)
answer = {}
for path in sorted(folder.glob('*.cae')):
  content = bitstream.unpack(path.read_bytes())
  size = [-(-n // model.stride) for n in content.header[1:3]]
  y = code.decode(content.streams, *size, content.header.quality)
  pixels = codec.decompress(model, path.read_bytes())
  again = codec.compress(model, pixels, quality=content.header.quality)
  answer[path.name] = [latents.checksum(y), pixels.tolist(), again.hex()]
print(json.dumps(answer))
"""

_SETTINGS = {
  'one thread, older instructions': {
    'DEVICES': '1',
    'XLA_FLAGS': '--xla_cpu_multi_thread_eigen=false --xla_cpu_max_isa=SSE4_2',
    'OMP_NUM_THREADS': '1',
    'OPENBLAS_NUM_THREADS': '1',
    'OPENBLAS_CORETYPE': 'Prescott',
  },
  'three devices, not compiled': {
    'DEVICES': '3',
    'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
    'OPENBLAS_NUM_THREADS': '4',
    'OPENBLAS_CORETYPE': 'Haswell',
    'JAX_DISABLE_JIT': '1',
  },
}


def test_decoding_is_bit_exact_in_every_process(tiny, tmp_path):
  module = tiny.make()
  model = codec.TrainedCodec(module)
  leaves = jax.tree_util.tree_leaves_with_path(nnx.as_pure(nnx.state(module)))
  weights = {jax.tree_util.keystr(path): np.asarray(x) for path, x in leaves}
  np.savez(tmp_path / 'weights.npz', **weights)
  np.savez(tmp_path / 'code.npz', **model.code.to_arrays())
  files = {}
  for number, size in enumerate(_SIZES):
    for quality in (1, 4):
      data = codec.compress(model, tiny.image(*size), quality=quality)
      files[f'{number}-{quality}.cae'] = data
      (tmp_path / f'{number}-{quality}.cae').write_bytes(data)
  processes = [
    subprocess.Popen(
      [sys.executable, '-c', _CHILD, str(_HERE), str(tmp_path)],
      env=os.environ | settings,
      stdout=subprocess.PIPE,
      text=True,
    )
    for settings in _SETTINGS.values()
  ]
  for process in processes:
    answers = json.loads(process.communicate()[0])
    assert answers.keys() == files.keys()
    for name, (checksum, pixels, again) in answers.items():
      assert checksum == latents.checksum(_latent(model, files[name]))
      here = codec.decompress(model, files[name]).astype(int)
      assert np.abs(here - pixels).max() <= 1
      # Files of the other process can be read here.
      codec.decompress(model, bytes.fromhex(again))


def _latent(model, data):
  content = bitstream.unpack(data)
  size = [-(-n // model.stride) for n in content.header[1:3]]
  return model.code.decode(content.streams, *size, content.header.quality)
