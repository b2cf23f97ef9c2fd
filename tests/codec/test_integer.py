import os
import subprocess
import sys
import textwrap
import zlib

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import layers
from autoencoder import models
from autoencoder.codec import integer


def _random_layers(seed=0, channels=(5, 7, 6, 4)):
  rng = np.random.default_rng(seed)
  kinds = [('transposed', 4), ('transposed', 3), ('conv', 3)]
  return [
    models.PlainLayer(
      rng.normal(0, 0.3, (size, size, a, b)),
      rng.normal(0, 1, b),
      kind,
      'relu' if i < 2 else None,
    )
    for i, ((kind, size), a, b) in enumerate(zip(kinds, channels, channels[1:]))
  ]


def _exact(network, z):
  """Evaluates the definition element by element, in Python integers."""
  arrays, bits = network.to_arrays(), 0
  x = np.clip(z, -(2**15), 2**15).astype(object)
  i = 0
  while f'kernel{i}' in arrays:
    kernel, bias = arrays[f'kernel{i}'].astype(object), arrays[f'bias{i}']
    transposed, relu = arrays[f'form{i}']
    size = kernel.shape[0]
    if transposed:  # Zero-insertion, then a correlation.
      dilated = np.zeros((2 * len(x) - 1, 2 * x.shape[1] - 1, x.shape[2]), 'O')
      dilated[::2, ::2] = x
      low = size - 1 if size < 3 else -(-size // 2)  # As in `jax.lax`.
      pads = (low, size - low)
    else:
      dilated, pads = x, ((size - 1) // 2, size // 2)
    padded = np.pad(dilated, (pads, pads, (0, 0)), constant_values=0)
    rows, columns = (n - size + 1 for n in padded.shape[:2])
    x = np.empty((rows, columns, kernel.shape[-1]), object)
    shift = 12 + bits - 10
    for r in range(rows):
      for c in range(columns):
        window = padded[r : r + size, c : c + size]
        total = np.tensordot(window, kernel, 3) + bias
        for o, value in enumerate(total):
          value = (int(value) + 2 ** (shift - 1)) >> shift
          x[r, c, o] = min(max(value, 0 if relu else -(2**20)), 2**20)
    bits, i = 10, i + 1
  return x.astype(np.int64)


def test_results_equal_those_of_python_integers():
  network = integer.IntegerNetwork.from_layers(_random_layers())
  rng = np.random.default_rng(1)
  for scale in (3, 500, 2**20):
    z = np.rint(rng.normal(0, scale, (3, 2, 5))).astype(np.int64)
    np.testing.assert_array_equal(network(z), _exact(network, z))


@pytest.mark.parametrize(
  'kind, size',
  [('conv', 1), ('conv', 3), ('conv', 4), ('conv', 5)]
  + [('transposed', size) for size in (2, 3, 4, 5)],
)
def test_convolutions_equal_those_of_our_layers(kind, size):
  rngs = nnx.Rngs(size)
  if kind == 'conv':
    layer = layers.Conv(3, 4, (size, size), rngs=rngs)
  else:
    layer = layers.ConvTranspose(3, 4, (size, size), (2, 2), rngs=rngs)
  # The weights are integers, so that both results are exact.
  kernel = np.rint(np.asarray(layer.kernel[...]) * 8)
  layer.kernel[...] = jnp.asarray(kernel)
  layer.bias[...] = jnp.arange(4.0)
  z = np.random.default_rng(0).integers(-9, 10, (5, 6, 3))
  network = integer.IntegerNetwork.from_layers(
    [models.PlainLayer(kernel, np.arange(4.0), kind)]
  )
  expected = jax.jit(lambda layer, x: layer(x))(
    layer, jnp.asarray(z[None], jnp.float32)
  )
  np.testing.assert_array_equal(network(z) / 1024, expected[0])


def test_rounding_the_weights_changes_little():
  layers_ = _random_layers(3)
  network = integer.IntegerNetwork.from_layers(layers_)
  z = np.random.default_rng(0).integers(-4, 5, (1, 6, 5, 5))
  x = jnp.asarray(z, jnp.float32)
  modules = []
  for kernel, bias, kind, activation in layers_:
    make = layers.Conv if kind == 'conv' else layers.ConvTranspose
    module = make(
      *kernel.shape[2:],
      kernel.shape[:2],
      strides=(1, 1) if kind == 'conv' else (2, 2),
      rngs=nnx.Rngs(0),
    )
    module.kernel[...] = jnp.asarray(kernel, jnp.float32)
    module.bias[...] = jnp.asarray(bias, jnp.float32)
    modules.append((module, activation))
  for module, activation in modules:
    x = module(x)
    x = nnx.relu(x) if activation else x
  assert np.abs(network(z[0]) / 1024 - x[0]).max() < 0.02


def test_stored_arrays_restore_the_network():
  network = integer.IntegerNetwork.from_layers(_random_layers())
  arrays = network.to_arrays()
  assert all(np.issubdtype(a.dtype, np.integer) for a in arrays.values())
  again = integer.IntegerNetwork.from_arrays(arrays)
  z = np.arange(30).reshape(2, 3, 5)
  np.testing.assert_array_equal(network(z), again(z))
  assert (again.channels, again.enlargement) == (4, 4)


def test_row_blocks_do_not_change_the_result(monkeypatch):
  network = integer.IntegerNetwork.from_layers(_random_layers())
  z = np.random.default_rng(0).integers(-50, 50, (9, 4, 5))
  whole = network(z)
  monkeypatch.setattr(integer, '_CHUNK_VALUES', 60)
  np.testing.assert_array_equal(network(z), whole)


def _one(kernel, bias=0.0, **options):
  kernel = np.full((1, 1, 3, 1), kernel)
  return models.PlainLayer(kernel, np.array([bias]), **options)


@pytest.mark.parametrize(
  'layers_, words',
  [
    ([], 'no layers'),
    ([_one(np.nan)], 'not finite'),
    ([_one(0.0, np.inf)], 'not finite'),
    ([_one(1e6)], 'too large to round'),
    ([_one(1e5), _one(1.0)], 'do not fit'),
  ],
)
def test_networks_that_cannot_be_exact_are_refused(layers_, words):
  with pytest.raises(ValueError, match=words):
    integer.IntegerNetwork.from_layers(layers_)


def test_the_bound_is_tight():
  """A network whose sums reach 2^52 is refused, one just below is not."""
  count = 2**7
  kernel = np.full((1, 1, count, 1), 2.0**18)
  layer = models.PlainLayer(kernel * (1 - 2**-18), np.zeros(1))
  network = integer.IntegerNetwork.from_layers([layer])
  z = np.full((1, 1, count), 2**15)
  assert network(z).item() == 2**20  # Clipped, without overflow.
  with pytest.raises(ValueError, match='beyond the exact 2\\^52'):
    integer.IntegerNetwork.from_layers([models.PlainLayer(kernel, np.zeros(1))])


@pytest.mark.parametrize('change', ['kernel0', 'bias1', 'form2'])
def test_damaged_arrays_are_refused(change):
  arrays = integer.IntegerNetwork.from_layers(_random_layers()).to_arrays()
  del arrays[change]
  with pytest.raises(ValueError):
    integer.IntegerNetwork.from_arrays(arrays)
  arrays[change] = np.zeros((2, 3), np.uint8)
  with pytest.raises(ValueError):
    integer.IntegerNetwork.from_arrays(arrays)


def test_other_threads_and_instruction_sets_are_bit_exact(tmp_path):
  """Other processes use one BLAS thread, or instructions of old processors."""
  layers_ = _random_layers(5, channels=(64, 64, 96, 48))
  network = integer.IntegerNetwork.from_layers(layers_)
  z = np.random.default_rng(0).integers(-99, 99, (12, 8, 64))
  np.savez(tmp_path / 'arrays.npz', z=z, **network.to_arrays())
  code = textwrap.dedent("""
    import sys, zlib
    import numpy as np
    from autoencoder.codec import integer
    arrays = np.load(sys.argv[1])
    network = integer.IntegerNetwork.from_arrays(arrays)
    print(zlib.crc32(network(arrays['z']).tobytes()))
  """)
  answers = {
    subprocess.run(
      [sys.executable, '-c', code, str(tmp_path / 'arrays.npz')],
      env=os.environ | settings,
      capture_output=True,
      text=True,
      check=True,
    ).stdout
    # Not Prescott or Haswell: with these on a newer processor, the OpenBLAS of
    # NumPy 2.5.5 crashes in a product of 96 x 1024 by 1024 x 64.
    for settings in (
      {'OPENBLAS_NUM_THREADS': '1', 'OPENBLAS_CORETYPE': 'Nehalem'},
      {'OPENBLAS_NUM_THREADS': '3', 'OPENBLAS_CORETYPE': 'Sandybridge'},
    )
  }
  assert answers == {f'{zlib.crc32(network(z).tobytes())}\n'}
