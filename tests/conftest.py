"""Strict numerics for every test, on eight virtual CPU devices, with Eigen."""

import os
import tempfile

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
os.environ.setdefault('KERAS_BACKEND', 'jax')

import jax  # noqa: E402
import pytest  # noqa: E402

from autoencoder.runtime import processors  # noqa: E402

jax.config.update('jax_num_cpu_devices', 8)
jax.config.update('jax_numpy_rank_promotion', 'raise')

# The backend of launch.py. The variable stays set: plans depend on it, too.
processors.use_eigen()

# Six times faster to compile. Processes that tests start (launch.py) are not
# concerned, so the optimised programs are run as well.
jax.config.update('jax_disable_most_optimizations', True)

# Twice as fast again: fused operations do not become code through MLIR. A flag
# that XLA does not know ends the process; jax 0.10 knows it, 0.12 does not.
_QUICK = {}
if jax.__version_info__ < (0, 11):
  _FLAGS = os.environ.get('XLA_FLAGS', '')
  _QUICK['XLA_FLAGS'] = f'{_FLAGS} --xla_cpu_use_fusion_emitters=false'.strip()
with pytest.MonkeyPatch.context() as _patch:  # Read when JAX starts.
  for _name, _value in _QUICK.items():
    _patch.setenv(_name, _value)
  jax.devices()

# Most of the time of these tests is compilation, and many compile the same
# program again: within a session, what was compiled once is read back.
_CACHE = tempfile.TemporaryDirectory(prefix='autoencoder-tests-')
jax.config.update('jax_compilation_cache_dir', _CACHE.name)
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)


@pytest.fixture(scope='session')
def quick_flags():
  """The environment of processes that are to compile as fast as tests do."""
  return _QUICK
