"""Images/s of the CamVid model at 480 x 360 beside the same network in PyTorch.

    python benchmarks/segmentation_speed.py [--rounds=N] [--output=FILE.json]

Both have the same parameters and are fed the same images, PyTorch channels
last; ours shares a batch among the cores, as launch.py does. They take turns,
so that other work on the machine slows both. What is compared is checked to be
the same: logits, and the loss of the first steps.
"""

import argparse
from collections.abc import Callable
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from autoencoder.runtime import processors  # noqa: E402

BATCH, HEIGHT, WIDTH = 8, 360, 480
_RATE = 1e-3
# Until then a step's buffers, freed in another order each time, may not find
# room where the last ones were, and 261 MB more are faulted in: 1.1 s, not 0.5.
_WARM_UP = 25

# Before JAX starts.
processors.use_eigen()
processors.keep_freed_memory()
processors.share(BATCH)

from flax import nnx  # noqa: E402
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
import torch  # noqa: E402

from autoencoder import models  # noqa: E402
from autoencoder.image import palettes  # noqa: E402
from autoencoder.runs import provenance  # noqa: E402
from autoencoder.tasks import segmentation_losses  # noqa: E402
from benchmarks import interleaved  # noqa: E402
from benchmarks import training_step  # noqa: E402
from experiments import segmentation  # noqa: E402

Run = Callable[[], object]


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--rounds', type=int, default=20)
  parser.add_argument('--batch', type=int, default=BATCH)
  parser.add_argument('--output', type=pathlib.Path)
  options = parser.parse_args()
  config = segmentation.get_config('camvid').model
  config.in_channels = 3
  config.out_channels = palettes.find('camvid').classes
  model = models.build(config, rngs=nnx.Rngs(0))
  rng = np.random.default_rng(0)
  shape = (options.batch, HEIGHT, WIDTH)
  images = rng.random((*shape, 3), np.float32)
  labels = rng.integers(0, config.out_channels, shape)
  report = {'batch': options.batch, 'size': [HEIGHT, WIDTH]}
  report |= {'parameters': models.count_parameters(model)}
  runs = {
    'inference': _inference(model, images),
    'training': _training(model, images, labels),
  }
  for name, contenders in runs.items():
    timed = interleaved.measure(
      contenders, options.rounds, 300.0, warm_up=_WARM_UP
    )
    report[name] = {
      'images_per_second': {
        row: 1e3 * options.batch / ms for row, ms in timed['ms'].items()
      },
      # Median over rounds of PyTorch's time over ours: above 1 we are faster.
      'times_as_fast_as_torch': timed['ratio']['torch'],
    }
    print(name, json.dumps(report[name]), flush=True)
  report |= provenance.describe() | {'torch': torch.__version__}
  if options.output:
    options.output.write_text(json.dumps(report, indent=2) + '\n')


def _shared(array: np.ndarray) -> jax.Array:
  """Lays a batch out over the devices."""
  mesh = jax.sharding.Mesh(np.array(jax.devices()), ('data',))
  return jax.device_put(array, jax.NamedSharding(mesh, jax.P('data')))


def _replicated(tree: object) -> object:
  mesh = jax.sharding.Mesh(np.array(jax.devices()), ('data',))
  return jax.device_put(tree, jax.NamedSharding(mesh, jax.P()))


def _twin(model: nnx.Module) -> torch.nn.Module:
  return training_step.TorchModel(model).to(memory_format=torch.channels_last)


def _for_torch(images: np.ndarray) -> torch.Tensor:
  tensor = torch.from_numpy(images.transpose(0, 3, 1, 2))
  return tensor.to(memory_format=torch.channels_last)


def _inference(model: nnx.Module, images: np.ndarray) -> dict[str, Run]:
  """Returns what computes the logits of `images`, in both frameworks."""
  graph, params = nnx.split(model)
  params = _replicated(nnx.as_pure(params))
  apply = jax.jit(lambda params, x: nnx.merge(graph, params)(x))
  twin, inputs, tensor = _twin(model), _shared(images), _for_torch(images)

  def run_torch():
    with torch.inference_mode():
      return twin(tensor)

  runs = {
    'ours': lambda: jax.block_until_ready(apply(params, inputs)),
    'torch': run_torch,
  }
  np.testing.assert_allclose(
    runs['torch']().numpy().transpose(0, 2, 3, 1), runs['ours'](), atol=1e-3
  )
  return runs


def _training(
  model: nnx.Module, images: np.ndarray, labels: np.ndarray
) -> dict[str, Run]:
  """Returns one step of AdamW on `images`, in both frameworks."""
  graph, params = nnx.split(model)
  optimizer = optax.adamw(_RATE)

  def loss(params, images, labels):
    logits = nnx.merge(graph, params)(images)
    return segmentation_losses.cross_entropy(logits, labels).mean()

  def step(params, state, images, labels):
    value, grads = jax.value_and_grad(loss)(params, images, labels)
    updates, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, updates), state, value

  step = jax.jit(step, donate_argnums=(0, 1))
  params = jax.tree.map(jnp.copy, nnx.as_pure(params))
  state = [_replicated(params), _replicated(optimizer.init(params))]
  inputs = _shared(images), _shared(labels)

  def run_ours():
    *state[:], value = step(*state, *inputs)
    return float(value)

  twin, tensor = _twin(model), _for_torch(images)
  truth = torch.from_numpy(labels)
  adamw = torch.optim.AdamW(
    twin.parameters(), _RATE, weight_decay=1e-4, fused=True
  )

  def run_torch():
    adamw.zero_grad(set_to_none=True)
    value = torch.nn.functional.cross_entropy(twin(tensor), truth)
    value.backward()
    adamw.step()
    return value.item()

  runs = {'ours': run_ours, 'torch': run_torch}
  first = {name: [run() for _ in range(3)] for name, run in runs.items()}
  np.testing.assert_allclose(first['ours'], first['torch'], rtol=1e-3)
  return runs


if __name__ == '__main__':
  main()
