"""JAX's persistent compilation cache, on by default."""

import os
import pathlib

import jax


def enable() -> None:
  """Keeps compiled programs on disk, so that a second start need not compile.

  The folder is `$XDG_CACHE_HOME/autoencoder/xla`, by default in `~/.cache`.
  JAX's `JAX_COMPILATION_CACHE_DIR` overrides it; the empty string disables the
  cache.
  """
  if 'JAX_COMPILATION_CACHE_DIR' not in os.environ:
    home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    folder = pathlib.Path(home) / 'autoencoder' / 'xla'
    jax.config.update('jax_compilation_cache_dir', str(folder))
  # Small programs, too: initialisation alone compiles dozens.
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
  jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)
