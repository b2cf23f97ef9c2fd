"""Times the CamVid model and the same network in PyTorch, at 480 x 360.

    python benchmarks/segmentation_speed.py [--rounds=N] [--output=FILE.json]

Both networks have the same parameters and the same input images; PyTorch uses
the memory format channels_last. Ours divides a batch among the cores, as
launch.py does. The networks take turns, so that other load on the machine slows
both. The script checks that they compute the same logits, and the same loss in
the first steps.
"""

from collections.abc import Callable
import dataclasses
import json
import pathlib
import sys

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import optax

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder import models
from autoencoder.image import palettes
from autoencoder.runs import provenance
from autoencoder.runtime import processors
from autoencoder.tasks import segmentation_losses
from benchmarks import common
from benchmarks import interleaved
from benchmarks import training_step
from experiments import segmentation

try:
  import torch
except ImportError:  # `main` says so.
  torch = None

BATCH, HEIGHT, WIDTH = 8, 360, 480
_RATE = 1e-3
# Rounds before the timing starts. The buffers of a step are freed in a
# different order each time, so in the first steps the allocator may find no
# room for them and request new pages, which makes such a step much slower.
_WARM_UP = 25

Run = Callable[[], object]


def main() -> None:
  parser = common.make_parser(__doc__)
  parser.add_argument(
    '--rounds', type=int, default=20, help='timed rounds. Default: 20'
  )
  parser.add_argument(
    '--batch',
    type=int,
    default=BATCH,
    help=f'images per batch. Default: {BATCH}',
  )
  options = parser.parse_args()
  if torch is None:
    parser.error('this script needs PyTorch: pip install torch')
  # All three have to come before JAX starts.
  processors.use_eigen()
  processors.keep_freed_memory()
  processors.share(BATCH)
  config = segmentation.get_config('camvid').model
  config.in_channels = 3
  config.out_channels = palettes.find('camvid').classes
  model = models.Autoencoder(**dataclasses.asdict(config), rngs=nnx.Rngs(0))
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
      # Median over rounds of PyTorch's time over ours: above 1, ours is faster.
      'times_as_fast_as_torch': timed['ratio']['torch'],
    }
    print(name, json.dumps(report[name]), flush=True)
  report |= provenance.describe() | {'torch': torch.__version__}
  if options.output:
    common.write_json(options.output, report)


def _shared(array: np.ndarray) -> jax.Array:
  """Divides a batch among the devices."""
  mesh = jax.sharding.Mesh(np.array(jax.devices()), ('data',))
  return jax.device_put(array, jax.NamedSharding(mesh, jax.P('data')))


def _replicated(tree: object) -> object:
  """Copies every array to all devices."""
  mesh = jax.sharding.Mesh(np.array(jax.devices()), ('data',))
  return jax.device_put(tree, jax.NamedSharding(mesh, jax.P()))


def _in_torch(model: nnx.Module) -> 'torch.nn.Module':
  """Returns the PyTorch network with the parameters of `model`."""
  return training_step.TorchModel(model).to(memory_format=torch.channels_last)


def _for_torch(images: np.ndarray) -> 'torch.Tensor':
  """Returns NHWC images as an NCHW tensor in the format channels_last."""
  tensor = torch.from_numpy(images.transpose(0, 3, 1, 2))
  return tensor.to(memory_format=torch.channels_last)


def _inference(model: nnx.Module, images: np.ndarray) -> dict[str, Run]:
  """Returns a function per framework that computes the logits of `images`."""
  graph, params = nnx.split(model)
  params = _replicated(nnx.as_pure(params))
  apply = jax.jit(lambda params, x: nnx.merge(graph, params)(x))
  network, inputs, tensor = (
    _in_torch(model),
    _shared(images),
    _for_torch(images),
  )

  def run_torch():
    with torch.inference_mode():
      return network(tensor)

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
  """Returns a function per framework that takes an AdamW step on `images`."""
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

  network, tensor = _in_torch(model), _for_torch(images)
  truth = torch.from_numpy(labels)
  adamw = torch.optim.AdamW(
    network.parameters(), _RATE, weight_decay=1e-4, fused=True
  )

  def run_torch():
    adamw.zero_grad(set_to_none=True)
    value = torch.nn.functional.cross_entropy(network(tensor), truth)
    value.backward()
    adamw.step()
    return value.item()

  runs = {'ours': run_ours, 'torch': run_torch}
  first = {name: [run() for _ in range(3)] for name, run in runs.items()}
  np.testing.assert_allclose(first['ours'], first['torch'], rtol=1e-3)
  return runs


if __name__ == '__main__':
  main()
