"""Settings that make JAX fast on CPUs. Call them before JAX starts."""

import contextlib
import ctypes
import os

import jax
import jaxlib

from autoencoder import errors
from autoencoder.layers.lowerings import backend

# The first version of jaxlib that the flag for Eigen was not tested with.
_UNTRIED = (0, 13)

# Constants of malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> None:
  """Stops glibc from returning freed memory to the system.

  On CPU, XLA frees the buffers of a step and allocates them again in the next.
  By default glibc maps each large buffer with `mmap`, so that the system clears
  every page again. With `mmap` disabled and one arena, freed buffers are
  reused. Has no effect with other C libraries.

  NOTE: The process never shrinks, and all threads share one arena.
  """
  try:
    mallopt = ctypes.CDLL('libc.so.6').mallopt
  except (OSError, AttributeError):
    return
  mallopt(_M_MMAP_MAX, 0)
  mallopt(_M_ARENA_MAX, 1)
  # Never trim: with a finite threshold, large steps still fault pages in.
  mallopt(_M_TRIM_THRESHOLD, -1)
  mallopt(_M_TOP_PAD, 64 * 2**20)


def use_eigen() -> None:
  """Makes XLA compute convolutions on CPU with Eigen instead of YNNPACK.

  See `autoencoder.layers.lowerings.backend`. Has no effect if JAX has started,
  if XLA_FLAGS already selects a library, or with an untested, newer jaxlib,
  which would end the process if it did not know the flag.

  NOTE: Sums have another order, so that results differ by rounding.
  """
  flags = os.environ.get('XLA_FLAGS', '')
  known = jaxlib.version.__version_info__ < _UNTRIED
  if known and backend.FLAG not in flags and not _has_started():
    os.environ['XLA_FLAGS'] = f'{flags} {backend.USE_EIGEN}'.strip()


def start() -> None:
  """Starts JAX on its devices, and leaves its 64-bit mode.

  Raises:
    UserError: JAX cannot use the platform in JAX_PLATFORMS.
  """
  jax.config.update('jax_enable_x64', False)  # Models are of 32 bits.
  try:
    jax.devices()
  except (RuntimeError, AssertionError) as error:
    given = os.environ.get('JAX_PLATFORMS', '')
    reason = (str(error).splitlines() or [''])[0]
    raise errors.UserError(
      f'JAX finds no device with JAX_PLATFORMS={given}. {reason} Unset it, or '
      'install JAX for this platform.'
    ) from error


def _has_started() -> bool:
  """Returns whether JAX has started, so that XLA has read its flags."""
  # JAX defines its options at run time.
  given = jax.config.jax_num_cpu_devices  # type: ignore[attr-defined]
  try:  # JAX refuses this once it has started.
    jax.config.update('jax_num_cpu_devices', given + 2)
  except RuntimeError:
    return True
  jax.config.update('jax_num_cpu_devices', given)
  return False


def share(batch_size: int) -> None:
  """Makes each CPU core a JAX device, as far as they divide the batch.

  A small convolution does not keep several cores busy, but parts of a batch do.
  Has no effect on GPUs and TPUs, or if the user has set the number of devices
  (`JAX_NUM_CPU_DEVICES`, or XLA_FLAGS).

  NOTE: The number of devices determines the order of sums. A run that resumes
  with another number of cores continues equal to rounding, not bit-exact.

  Args:
    batch_size: images per step, a multiple of the number of devices.
  """
  flags = os.environ.get('XLA_FLAGS', '')
  if 'JAX_NUM_CPU_DEVICES' in os.environ or 'device_count' in flags:
    return
  devices = max(d for d in range(1, cores() + 1) if batch_size % d == 0)
  # Too late if an experiment file has used JAX.
  with contextlib.suppress(RuntimeError):
    jax.config.update('jax_num_cpu_devices', devices)


def cores() -> int:
  """Returns the number of CPU cores that this process may use."""
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1
