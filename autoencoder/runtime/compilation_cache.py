"""JAX's persistent compilation cache, on by default."""

import os
import pathlib

import jax


def enable() -> None:
  """Keeps compiled programs on disk, so that a second start skips compiling.

  They live in `$XDG_CACHE_HOME/autoencoder/xla` (`~/.cache` by default);
  JAX's own `JAX_COMPILATION_CACHE_DIR` overrides it, and set to the empty
  string turns the cache off.
  """
  if 'JAX_COMPILATION_CACHE_DIR' not in os.environ:
    home = os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache'
    folder = pathlib.Path(home) / 'autoencoder' / 'xla'
    jax.config.update('jax_compilation_cache_dir', str(folder))
  # Small programs too: initialisation alone is dozens of them.
  jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
  jax.config.update('jax_persistent_cache_min_entry_size_bytes', -1)
