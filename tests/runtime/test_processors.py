"""Set-up of the processor before JAX starts."""

import os
import subprocess
import sys

import pytest

from autoencoder.layers.lowerings import backend
from autoencoder.runtime import processors

_SCRIPT = """
import os
from autoencoder.runtime import processors
from autoencoder.layers.lowerings import backend
given = os.environ.get('XLA_FLAGS', '')
processors.use_eigen()
import jax, jax.numpy as jnp
from autoencoder import layers
x, kernel = jnp.ones((2, 8, 8, 32)), jnp.ones((3, 3, 32, 32))
plain = jax.jit(lambda x, k: jax.lax.conv_general_dilated(
  x, k, (1, 1), 'SAME', dimension_numbers=('NHWC', 'HWIO', 'NHWC')))
text = plain.lower(x, kernel).compile().as_text()
print('ynn' in text, backend.is_eigen())
del os.environ['XLA_FLAGS']
processors.use_eigen()  # JAX has started.
print(os.environ.get('XLA_FLAGS'), jax.config.jax_num_cpu_devices)
"""


@pytest.mark.parametrize(
  'given', ['', f'{backend.FLAG}=individual_convolution']
)
def test_use_eigen_before_jax_starts_and_never_against_the_user(given):
  lines = subprocess.run(
    [sys.executable, '-c', _SCRIPT], check=True, text=True,
    env=os.environ | {'XLA_FLAGS': given}, stdout=subprocess.PIPE,
  ).stdout.splitlines()  # fmt: skip
  told = given == ''
  assert lines[0].split()[1] == str(told)
  if told:
    assert lines[0] == 'False True'
  assert lines[1] == 'None -1'


def test_use_eigen_leaves_an_untested_jaxlib_alone(monkeypatch):
  monkeypatch.setattr(processors, '_has_started', lambda: False)
  monkeypatch.setenv('XLA_FLAGS', '')  # Restored after the test.
  monkeypatch.setattr(processors.jaxlib.version, '__version_info__', (9, 0))
  processors.use_eigen()
  assert not os.environ['XLA_FLAGS']
  monkeypatch.setattr(processors.jaxlib.version, '__version_info__', (0, 12))
  processors.use_eigen()
  assert os.environ['XLA_FLAGS'] == backend.USE_EIGEN
