"""Processes of launch.py that need not import everything again.

Starting launch.py imports for two seconds, longer than most of these tests
take. Processes of `multiprocessing`'s fork server share the modules that it
imported; each still has its own flags, signals, JAX and exit code. They compile
without optimisation, as the other tests do.
"""

import multiprocessing
import os
import pathlib
import runpy
import subprocess
import sys

import jax

ROOT = pathlib.Path(__file__).parents[2]

# Modules that the modes import, none of which starts JAX.
PRELOADED = [
  'jinja2',
  'ml_collections.config_flags',
  'orbax.checkpoint',
  'skimage.restoration',
  'tensorboardX',
  'autoencoder.cli.main',
  'autoencoder.cli.modes',
  'autoencoder.training.loop',
  'autoencoder.training.setup',
]


class Launched:
  """A process of launch.py with the part of `Popen` that the tests use."""

  def __init__(self, process, out, err):
    self._process, self._out, self._err = process, out, err

  def poll(self):
    """Returns the exit code, or None while it runs."""
    return self._process.exitcode

  def send_signal(self, number):
    os.kill(self._process.pid, number)

  def end(self):
    """Kills the process if it runs."""
    self._process.kill()
    self._process.join()

  def wait(self, timeout):
    """Waits for the end; returns a `subprocess.CompletedProcess`."""
    self._process.join(timeout)
    if self._process.exitcode is None:
      raise TimeoutError(self._err.read_text())
    return subprocess.CompletedProcess(
      self._process.name,
      self._process.exitcode,
      self._out.read_text(),
      self._err.read_text(),
    )


def start(arguments, env, folder) -> Launched:
  """Starts launch.py at the root of the repository.

  Args:
    arguments: the command line after `launch.py`.
    env: variables added to the environment.
    folder: a new folder for its output.
  """
  context = multiprocessing.get_context('forkserver')
  context.set_forkserver_preload(PRELOADED)
  out, err = folder / 'out', folder / 'err'
  process = context.Process(
    target=_main, args=(list(map(str, arguments)), env, out, err)
  )
  process.start()
  return Launched(process, out, err)


def _main(arguments, env, out, err):
  os.environ.update(env)
  os.chdir(ROOT)
  jax.config.update('jax_disable_most_optimizations', True)
  for number, path in ((1, out), (2, err)):
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    os.dup2(file, number)
  sys.argv = [str(ROOT / 'launch.py'), *arguments]
  sys.path[0] = str(ROOT)
  runpy.run_path(sys.argv[0], run_name='__main__')
