"""Provenance of a number: command, commit, versions, machine."""

import importlib.metadata
import pathlib
import platform
import shlex
import subprocess
import sys
from typing import Any

import jax

from autoencoder.runtime import processors

DIRTY = '-dirty'  # Behind the commit of edited code.

_PACKAGES = ('jax', 'flax', 'optax', 'numpy', 'scikit-image')


def describe() -> dict[str, Any]:
  """Returns what a reader needs to repeat a measurement, as JSON values.

  Example:

    >>> sorted(describe())
    ['command', 'commit', 'machine', 'versions']
  """
  return {
    'command': command(),
    'commit': commit(),
    'versions': {'python': platform.python_version()}
    | {name: importlib.metadata.version(name) for name in _PACKAGES},
    'machine': machine(),
  }


def command() -> str:
  """Returns the command line of this process, quoted for a shell."""
  return shlex.join([pathlib.Path(sys.executable).name, *sys.argv])


def commit() -> str:
  """Returns the commit of this code, with '-dirty' behind it after edits.

  Edits are changes that are not committed, except to measured results, which
  are no code. Empty if the package is not in a git checkout of its own.
  """
  root = pathlib.Path(__file__).parents[2]
  if not (root / '.git').exists():
    return ''

  def git(*arguments):
    return subprocess.run(
      ['git', '-C', str(root), *arguments],
      capture_output=True,
      text=True,
      check=True,
    ).stdout.strip()

  try:
    edited = git(
      'status', '--porcelain', '--untracked-files=no', '--', '.',
      ':!benchmarks/results',
    )  # fmt: skip
    return git('rev-parse', '--short=12', 'HEAD') + (DIRTY if edited else '')
  except (OSError, subprocess.CalledProcessError):
    return ''


def base_commit(text: str) -> str:
  """Returns a commit without its mark of edits.

  Example:

    >>> base_commit('0123456789ab-dirty')
    '0123456789ab'
  """
  # Records of earlier versions have '+' in place of '-dirty'.
  return text.removesuffix(DIRTY).removesuffix('+')


def machine() -> str:
  """Returns processor, cores and JAX devices in one line."""
  return f'{_processor()}, {processors.cores()} cores; JAX on {devices()}'


def devices() -> str:
  """Returns the number and kind of JAX devices, such as '1 x cpu'."""
  return f'{jax.device_count()} x {jax.devices()[0].device_kind}'


def _processor() -> str:
  """Returns the name of the processor, such as 'AMD EPYC 7B13'."""
  try:
    for line in pathlib.Path('/proc/cpuinfo').read_text().splitlines():
      if line.startswith('model name'):
        return line.split(':', 1)[1].strip()
  except OSError:  # Not Linux.
    pass
  return platform.processor() or platform.machine()
