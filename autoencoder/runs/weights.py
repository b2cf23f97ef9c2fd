"""The arrays of a pretrained model, in one small file.

An array is named by its path in the model: "['decoder']['up0']['kernel']".
"""

import pathlib
from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import errors
from autoencoder import models
from autoencoder.runs import packaged


def write(folder: pathlib.Path, model: nnx.Module) -> None:
  """Writes all arrays of a model to `weights.npz` in a folder.

  Parameters are stored in half precision. All other variables, such as batch
  statistics, keep at least single precision, because their range is unknown.
  Random state is not stored; `read` does not need it.

  Args:
    folder: of the pretrained model; exists.
    model: the model.
  """
  _, params, extra = models.split(model)
  arrays: dict[str, Any] = {
    jax.tree_util.keystr(path): np.asarray(leaf, np.float16)
    for path, leaf in jax.tree_util.tree_leaves_with_path(params)
  }
  for path, leaf in jax.tree_util.tree_leaves_with_path(extra):
    is_half = jnp.issubdtype(leaf.dtype, jnp.floating) and leaf.itemsize < 4
    arrays[jax.tree_util.keystr(path)] = np.asarray(
      leaf, np.float32 if is_half else None
    )
  np.savez_compressed(folder / packaged.WEIGHTS_FILE, **arrays)


def read(folder: pathlib.Path, like: Any) -> Any:
  """Returns the arrays of `weights.npz` in the structure of `like`.

  Args:
    folder: of the pretrained model.
    like: trees by any name, whose leaves have the shapes and types wanted. The
      path of a leaf in its tree names its array in the file.

  Raises:
    UserError: an array is missing or has another shape.
  """
  file = folder / packaged.WEIGHTS_FILE
  with np.load(file) as arrays:

    def read_one(path, leaf):
      name = jax.tree_util.keystr(path)
      found = arrays.get(name)
      if found is None or found.shape != leaf.shape:
        shape = 'missing' if found is None else list(found.shape)
        raise errors.UserError(
          f'{file} does not fit the model: the array {name} is {shape}, and '
          f'{list(leaf.shape)} is needed. Export the model again.'
        )
      return jnp.asarray(found, leaf.dtype)

    return {
      name: jax.tree_util.tree_map_with_path(read_one, tree)
      for name, tree in like.items()
    }
