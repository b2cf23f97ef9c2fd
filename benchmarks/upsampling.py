"""Compares nine upsamplings in the same autoencoder with the same budget.

    python benchmarks/upsampling.py

Trains every variant of experiments/upsampling.py from the same seeds on the
same batches. The variants take turns after every step, so that their times are
comparable. Measures held-out PSNR, number of parameters, FLOPs, time and the
checkerboard (`checkerboard.py`) at initialisation and after training. Writes
`benchmarks/results/upsampling.json`, docs/images/upsampling.png and the tables
of docs/upsampling.md. Takes about 17 minutes on 2 CPU cores.
"""

import dataclasses
import pathlib
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import provenance
from autoencoder.runtime import compilation_cache
from autoencoder.runtime import processors
from benchmarks import common
from benchmarks import upsampling_report

CROP, CROPS = 96, 16  # Size in pixels and number of held-out crops.
PHOTO = 6  # Index of the crop in the picture.
FORWARDS = 20  # Timed forward passes per seed.


def main() -> None:
  parser = common.make_parser(__doc__, results='upsampling')
  parser.add_argument(
    '--steps', type=int, default=1500, help='training steps. Default: 1500'
  )
  parser.add_argument(
    '--seeds', type=int, default=3, help='runs of each variant. Default: 3'
  )
  options = parser.parse_args()
  # As in launch.py, but with one device, whose times are easier to compare.
  processors.use_eigen()
  processors.keep_freed_memory()
  compilation_cache.enable()  # All seeds run the same programs.
  module = experiment_lib.load(ROOT / 'experiments' / 'upsampling.py')
  # Before this script changes files of the repository.
  described = provenance.describe()
  started = time.monotonic()
  seeds = []
  for seed in range(options.seeds):
    entrants = {
      name: Entrant(module, name, seed, options.steps)
      for name in module.VARIANTS
    }
    race(entrants, options.steps)
    seeds.append({name: e.result() for name, e in entrants.items()})
    if seed == 0:
      upsampling_report.draw(
        {name: e.pictures() for name, e in entrants.items()},
        entrants['nearest'].crops[PHOTO],
      )
    print(f'seed {seed}: {time.monotonic() - started:.0f} s so far', flush=True)
  result = {
    'steps': options.steps,
    'seeds': options.seeds,
    'held_out': f'{CROPS} crops, {CROP} x {CROP} pixels',
    'variants': {
      name: summary([seed[name] for seed in seeds]) for name in seeds[0]
    },
    'alias_ratio_of_a_blur': reference(),
    'seconds': time.monotonic() - started,
    **described,
  }
  common.write_json(options.output, result)
  sections = upsampling_report.sections(result)
  print('\n\n'.join(sections.values()))
  common.fill(upsampling_report.PAGE, sections)


def held_out() -> np.ndarray:
  """Returns crops of the held-out photos, `[N, H, W, 3]` float32 in [0, 1]."""
  from autoencoder import data

  source = data.open_source('sample_photos', 'test', channels=3)
  crops = data.center_crops(source, CROP, CROPS)['image']
  return crops.astype(np.float32) / 255


class Entrant:
  """One variant with one seed: its training, and its measurements."""

  def __init__(self, module, name, seed, steps):
    from flax import nnx
    import jax

    from autoencoder import models
    from autoencoder.training import setup

    config = module.get_config(name)
    config.seed, config.train.steps = seed, steps
    self.training = training = setup.set_up(config, module.TASK)
    self.state, self.key = training.state, training.key
    self.batches = training.batches.iterate(0)
    options = dataclasses.asdict(training.config.model)
    model = nnx.eval_shape(
      lambda: models.Autoencoder(**options, rngs=nnx.Rngs(0))
    )
    self.stride = model.stride
    graphdef, extra = nnx.graphdef(model), training.state.extra
    self.merge = lambda params: nnx.merge(graphdef, params, extra)
    self.crops = jax.device_put(held_out())
    self.forward = (
      jax.jit(lambda params, x: self.merge(params)(x))
      .lower(self.state.params, self.crops)
      .compile()
    )
    self.before = self.measure(self.state.params)
    self.initial = jax.tree.map(np.asarray, self.state.params)
    self.step_seconds, self.forward_seconds = [], []

  def step(self):
    """Takes one training step and records its time."""
    batch = self.training.executor.put(next(self.batches))
    started = time.perf_counter()
    self.state, metrics = self.training.executor.step(
      self.state, batch, self.key, self.training.pool
    )
    metrics['loss'].block_until_ready()
    self.step_seconds.append(time.perf_counter() - started)

  def pass_forward(self):
    """Applies the averaged parameters to the crops and records the time."""
    started = time.perf_counter()
    self.forward(self.state.averaged, self.crops).block_until_ready()
    self.forward_seconds.append(time.perf_counter() - started)

  def measure(self, params):
    """Returns PSNR in dB and the three measures of the checkerboard.

    `gain_spread` is that of the last upsampling layer.
    """
    from autoencoder.image import metrics
    from benchmarks import checkerboard

    outputs = self.forward(params, self.crops)
    error = outputs - self.crops
    period = {'period': self.stride}
    last = self.merge(params).decoder.up0
    try:
      spread = float(checkerboard.gain_spread(last))
    except ValueError:  # The gains of unpooling depend on the image.
      spread = None
    return {
      'psnr': float(metrics.psnr(outputs, self.crops).mean()),
      'gain_spread': spread,
      'alias_ratio': float(checkerboard.alias_ratio(error, **period)),
      'phase_deviation': 255
      * float(checkerboard.phase_variance(error, **period)) ** 0.5,
    }

  def pictures(self):
    """Returns the images `[H, W, 3]` that the picture shows, by title."""
    import jax.numpy as jnp

    # Models subtract 0.5 from their input. A constant 0.5 would become 0, which
    # random kernels do not change.
    grey = jnp.full_like(self.crops, 0.75)
    answer = {
      'constant, start': self.forward(self.initial, grey),
      'constant, trained': self.forward(self.state.averaged, grey),
      'photo, trained': self.forward(self.state.averaged, self.crops),
    }
    return {title: np.asarray(x[PHOTO]) for title, x in answer.items()}

  def result(self):
    """Returns the entry of this variant and seed in the results."""
    pixels = self.crops.size / 3
    return {
      'parameters': self.training.parameters,
      'flops_per_pixel': self.forward.cost_analysis()['flops'] / pixels,
      # The first step includes compilation.
      'step_ms': 1e3 * float(np.median(self.step_seconds[1:])),
      'forward_ms_per_megapixel': 1e9
      * float(np.median(self.forward_seconds)) / pixels,
      'before': self.before,
      'after': self.measure(self.state.averaged),
    }  # fmt: skip


def race(entrants, steps):
  """Runs training steps, then forward passes; the entrants take turns."""
  for _ in range(steps):
    for entrant in entrants.values():
      entrant.step()
  for _ in range(FORWARDS):
    for entrant in entrants.values():
      entrant.pass_forward()


def reference() -> float:
  """Returns the alias ratio of the error of a blur, which has no pattern."""
  from scipy import ndimage

  from benchmarks import checkerboard

  crops = held_out()
  error = ndimage.gaussian_filter(crops, (0, 1.5, 1.5, 0)) - crops
  return float(checkerboard.alias_ratio(error, period=4))


def summary(results):
  """Returns mean and standard deviation over the seeds of every number."""
  first, count = results[0], len(results)
  if isinstance(first, dict):
    return {key: summary([r[key] for r in results]) for key in first}
  if first is None:
    return None
  return {
    'mean': float(np.mean(results)),
    'deviation': float(np.std(results, ddof=1)) if count > 1 else None,
    'values': results,
  }


if __name__ == '__main__':
  main()
