"""Layers with XLA's YNNPACK, in a process of its own: other tests use Eigen."""

import os
import pathlib
import subprocess
import sys

import jax
import jaxlib
import numpy as np

from autoencoder import layers
from autoencoder.layers.lowerings import backend
from tests.layers import reference

_ROOT = pathlib.Path(__file__).parents[3]

# Image, kernel, stride, padding.
_STRIDED = [
  # `operand_swap`, an odd number of channels, and no padding.
  ((16, 9, 8, 3), (3, 3, 3, 32), 1, ((1, 1), (1, 1))),
  ((2, 9, 8, 5), (3, 3, 5, 7), 1, ((0, 0), (0, 0))),
  # An output larger than the input; cropped and padded.
  ((2, 6, 7, 4), (3, 3, 4, 4), 1, ((3, 1), (2, 2))),
  ((2, 6, 7, 16), (3, 3, 16, 32), 2, ((-1, 1), (-1, 1))),
  ((2, 4, 4, 16), (4, 4, 16, 8), 2, ((1, 1), (1, 1))),
  # Two row blocks.
  ((16, 32, 16, 32), (3, 3, 32, 64), 1, ((1, 1), (1, 1))),
]
_TRANSPOSED = [
  ((4, 5, 4, 18), (3, 3, 18, 16), 2, ((2, 1), (2, 1))),  # Per phase.
  ((16, 6, 7, 16), (4, 4, 16, 3), 2, ((2, 2), (2, 2))),  # Polyphase.
  ((2, 6, 7, 4), (3, 3, 4, 4), 2, ((3, 1), (3, 1))),
]


def test_layers_equal_their_definition(quick_flags):
  flags = quick_flags.get('XLA_FLAGS', '').replace(backend.USE_EIGEN, '')
  subprocess.run(
    [sys.executable, '-m', 'tests.layers.lowerings.test_ynnpack'],
    check=True, timeout=300, cwd=_ROOT, env=os.environ | {'XLA_FLAGS': flags},
  )  # fmt: skip


def _ours(x, kernel, stride, padding, transposed):
  if transposed:
    return layers.conv_transpose(x, kernel, stride, padding)
  return layers.conv_general_dilated(
    x, kernel, (stride,) * 2, padding,
    dimension_numbers=('NHWC', 'HWIO', 'NHWC'),
  )  # fmt: skip


def _definition(x, kernel, stride, padding, transposed):
  strides, dilation = (stride,) * 2, (1, 1)
  if transposed:
    strides, dilation = dilation, strides
  return reference.convolution_by_taps(x, kernel, strides, padding, dilation)


def _results(function):
  """Returns the values and gradients of all cases."""
  results = []
  for transposed, cases in ((False, _STRIDED), (True, _TRANSPOSED)):
    for image, kernel, *options in cases:
      y, pull = jax.vjp(
        lambda x, w, o=options, t=transposed: function(x, w, *o, t),
        jax.random.normal(jax.random.key(0), image),
        jax.random.normal(jax.random.key(1), kernel),
      )
      cotangent = jax.random.normal(jax.random.key(2), y.shape)
      results.append((y, *pull(cotangent)))
  return results


def _main():
  jax.config.update('jax_disable_most_optimizations', True)
  assert not backend.is_eigen()
  run = jax.jit(_results, static_argnums=0)
  ours = run.lower(_ours).compile()
  if jaxlib.version.__version_info__ >= (0, 10, 2):
    assert 'ynn' in ours.as_text()
  for got, want in zip(ours(), run(_definition), strict=True):
    for a, b in zip(got, want, strict=True):
      scale = float(np.abs(b).max())
      np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * scale)


if __name__ == '__main__':
  _main()
