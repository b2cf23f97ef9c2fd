"""Getting the most out of CPUs, before JAX starts."""

import ctypes
import os

import jax
import jaxlib

from autoencoder.layers.lowerings import backend

# The first version of jaxlib that Eigen's flag was not tried with.
_UNTRIED = (0, 13)

# From malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -2, -4, -8


def keep_freed_memory() -> None:
  """Stops glibc from handing freed memory back to the system.

  XLA frees the buffers of a step on CPU and asks for them again in the next;
  by default each goes through `mmap`, and every page is faulted in and zeroed
  once more. Only the one arena that grows without `mmap` holds buffers of every
  size. Does nothing where the C library is another one.

  NOTE: What the process once held, it keeps, and all threads allocate from the
  one arena.
  """
  try:
    mallopt = ctypes.CDLL('libc.so.6').mallopt
  except (OSError, AttributeError):
    return
  mallopt(_M_MMAP_MAX, 0)
  mallopt(_M_ARENA_MAX, 1)
  # Never: of 2 GiB a step of CamVid faulted 11,000 pages in again.
  mallopt(_M_TRIM_THRESHOLD, -1)
  mallopt(_M_TOP_PAD, 64 * 2**20)


def use_eigen() -> None:
  """Has XLA leave convolutions on CPU to Eigen, where it would not.

  See `autoencoder.layers.lowerings.backend`. Call it
  before JAX starts: later it has no effect. Nor has it where XLA_FLAGS says
  which library to take, or with a jaxlib newer than it was tried with, which
  would stop if it no longer knew the flag.

  NOTE: The order of sums is another, and results are the same to rounding.
  """
  flags = os.environ.get('XLA_FLAGS', '')
  known = jaxlib.version.__version_info__ < _UNTRIED
  if known and backend.FLAG not in flags and not _has_started():
    os.environ['XLA_FLAGS'] = f'{flags} {backend.EIGEN}'.strip()


def _has_started() -> bool:
  """Returns whether JAX has, and XLA has read its flags."""
  given = jax.config.jax_num_cpu_devices
  try:  # Refused from then on.
    jax.config.update('jax_num_cpu_devices', given + 2)
  except RuntimeError:
    return True
  jax.config.update('jax_num_cpu_devices', given)
  return False


def share(batch_size: int) -> None:
  """Makes each CPU core a JAX device, as far as they can share a batch.

  Small convolutions do not keep several cores busy, but parts of the batch do.
  Has no effect on other kinds of devices, nor where the user said how many
  there are (`JAX_NUM_CPU_DEVICES`, or XLA_FLAGS).

  NOTE: The number of devices decides the order of sums. A run that goes on
  with another number of cores is the same to rounding, not bit for bit.

  Args:
    batch_size: images a step, which the devices have to divide.
  """
  flags = os.environ.get('XLA_FLAGS', '')
  if 'JAX_NUM_CPU_DEVICES' in os.environ or 'device_count' in flags:
    return
  devices = max(d for d in range(1, cores() + 1) if batch_size % d == 0)
  try:
    jax.config.update('jax_num_cpu_devices', devices)
  except RuntimeError:  # An experiment file used JAX before: too late.
    pass


def cores() -> int:
  """Returns the number of cores that this process may run on."""
  if hasattr(os, 'sched_getaffinity'):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1
