"""Nine ways to enlarge, in the same autoencoder with the same budget.

    python benchmarks/upsampling.py

Trains every variant of experiments/upsampling.py from the same seeds on the
same batches, all in turn step by step, so that their times can be compared.
Measures held-out PSNR, size, work, time and the checkerboard as defined in
benchmarks/checkerboard.py, at initialisation and after training. Writes
benchmarks/results/upsampling.json, docs/images/upsampling.png and the tables
of docs/upsampling.md. Takes about 17 minutes on 2 CPU cores.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
RESULTS = ROOT / 'benchmarks' / 'results' / 'upsampling.json'
sys.path.insert(0, str(ROOT))

CROP, CROPS = 96, 16  # Held out, to measure on.
PHOTO = 6  # The one of them in the picture.
FORWARDS = 20  # Timed forward passes a seed.


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--steps', type=int, default=1500, help='of training')
  parser.add_argument('--seeds', type=int, default=3)
  parser.add_argument('--output', type=pathlib.Path, default=RESULTS)
  options = parser.parse_args()
  from autoencoder.runs import provenance
  from autoencoder.runs import workdir
  from autoencoder.runtime import compilation_cache
  from autoencoder.runtime import processors
  from benchmarks import upsampling_report

  processors.use_eigen()  # As launch.py does; on one device, for its timings.
  processors.keep_freed_memory()
  compilation_cache.enable()  # The other seeds run the same programs.
  module = workdir.load_experiment(ROOT / 'experiments' / 'upsampling.py')
  described = provenance.describe()  # Before files of the repository change.
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
  options.output.parent.mkdir(parents=True, exist_ok=True)
  options.output.write_text(json.dumps(result, indent=2) + '\n')
  for marker, lines in upsampling_report.sections(result).items():
    print('\n'.join(lines))
    upsampling_report.fill(marker, lines)


def held_out() -> np.ndarray:
  """Returns `[N, H, W, 3]` float32 crops of the photos held out."""
  from autoencoder import data

  source = data.open_source('sample_photos', 'test', channels=3)
  crops = data.center_crops(source, CROP, CROPS)['image']
  return crops.astype(np.float32) / 255


class Entrant:
  """One variant with one seed: its run, and what is measured of it."""

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
    batch = self.training.executor.put(next(self.batches))
    started = time.perf_counter()
    self.state, metrics = self.training.executor.step(
      self.state, batch, self.key, self.training.pool
    )
    metrics['loss'].block_until_ready()
    self.step_seconds.append(time.perf_counter() - started)

  def pass_forward(self):
    started = time.perf_counter()
    self.forward(self.state.averaged, self.crops).block_until_ready()
    self.forward_seconds.append(time.perf_counter() - started)

  def measure(self, params):
    """Returns PSNR and the three measures; `gain_spread` of the last layer."""
    from autoencoder.image import metrics
    from benchmarks import checkerboard

    outputs = self.forward(params, self.crops)
    error = outputs - self.crops
    period = {'period': self.stride}
    last = self.merge(params).decoder.up0
    try:
      spread = float(checkerboard.gain_spread(last))
    except ValueError:  # Unpooling has no gains of its own.
      spread = None
    return {
      'psnr': float(metrics.psnr(outputs, self.crops).mean()),
      'gain_spread': spread,
      'alias_ratio': float(checkerboard.alias_ratio(error, **period)),
      'phase_deviation': 255
      * float(checkerboard.phase_variance(error, **period)) ** 0.5,
    }

  def pictures(self):
    """Returns what the picture shows of this variant, `[H, W, 3]` each."""
    import jax.numpy as jnp

    # Not 0.5, which a model takes for 0 and passes through whatever is random.
    grey = jnp.full_like(self.crops, 0.75)
    answer = {
      'constant, start': self.forward(self.initial, grey),
      'constant, trained': self.forward(self.state.averaged, grey),
      'photo, trained': self.forward(self.state.averaged, self.crops),
    }
    return {title: np.asarray(x[PHOTO]) for title, x in answer.items()}

  def result(self):
    pixels = self.crops.size / 3
    return {
      'parameters': self.training.parameters,
      'flops_per_pixel': self.forward.cost_analysis()['flops'] / pixels,
      # The first includes compilation.
      'step_ms': 1e3 * float(np.median(self.step_seconds[1:])),
      'forward_ms_per_megapixel': 1e9
      * float(np.median(self.forward_seconds)) / pixels,
      'before': self.before,
      'after': self.measure(self.state.averaged),
    }  # fmt: skip


def race(entrants, steps):
  """Takes the training steps, and then the forward passes, in turn."""
  for _ in range(steps):
    for entrant in entrants.values():
      entrant.step()
  for _ in range(FORWARDS):
    for entrant in entrants.values():
      entrant.pass_forward()


def reference() -> float:
  """Returns the alias ratio of a blur's error, which has no pattern."""
  from scipy import ndimage

  from benchmarks import checkerboard

  crops = held_out()
  error = ndimage.gaussian_filter(crops, (0, 1.5, 1.5, 0)) - crops
  return float(checkerboard.alias_ratio(error, period=4))


def summary(results):
  """Returns the mean over the seeds of every number, and its deviation."""
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
