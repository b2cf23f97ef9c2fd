"""Times Flax's convolution with XLA's Eigen and YNNPACK backends on CPU.

    python benchmarks/convolution_engine.py --output=FILE.json

One device has all cores, JAX's default; see
`autoencoder.layers.lowerings.backend`. Our own layers are not timed.
"""

import json
import pathlib
import sys

from absl import app
from absl import flags
from flax import nnx
import jax
import jax.numpy as jnp

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder.layers.lowerings import backend  # noqa: E402
from autoencoder.runs import provenance  # noqa: E402
from benchmarks import interleaved  # noqa: E402

_OUTPUT = flags.DEFINE_string('output', None, 'JSON file to write.')
_ROUNDS = flags.DEFINE_integer('rounds', 15, 'Rounds of every comparison.')

# Images, height, width, channels, features, kernel, stride.
_CASES = (
  (8, 64, 64, 32, 32, 3, 1),
  (4, 90, 120, 48, 48, 3, 1),
  (4, 45, 60, 96, 96, 3, 1),
  (64, 8, 8, 128, 128, 3, 1),
  (8, 32, 32, 64, 128, 4, 2),
  (8, 64, 64, 3, 32, 3, 1),
  (8, 64, 64, 32, 3, 3, 1),
  (1, 64, 64, 64, 64, 3, 1),
)


def _programs(case):
  """Returns compiled forward, and both gradients, with each backend."""
  images, height, width, channels, features, kernel, stride = case
  layer = nnx.Conv(
    channels, features, (kernel, kernel), stride, rngs=nnx.Rngs(0)
  )
  graph, params = nnx.split(layer)
  x = jnp.ones((images, height, width, channels))

  def forward(params, x):
    return nnx.merge(graph, params)(x)

  def gradients(params, x):
    return jax.grad(lambda *a: (forward(*a) ** 2).sum(), (0, 1))(params, x)

  name = backend.FLAG.removeprefix('--')
  backends = {
    'ours': {name: ''},
    'ynnpack': {name: 'LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION'},
  }

  def program(function, options):
    compiled = jax.jit(function, compiler_options=options)
    return lambda: jax.block_until_ready(compiled(params, x))

  return [
    {key: program(function, options) for key, options in backends.items()}
    for function in (forward, gradients)
  ]


def main(argv):
  del argv
  rows = []
  for case in _CASES:
    row = {'case': case}
    for what, runs in zip(('forward', 'gradients'), _programs(case)):
      timing = interleaved.measure(runs, _ROUNDS.value)
      row[what] = {
        'eigen_ms': timing['ms']['ours'],
        'ynnpack_ms': timing['ms']['ynnpack'],
        'times_as_long_by_ynnpack': timing['ratio']['ynnpack'],
      }
    print(json.dumps(row), flush=True)
    rows.append(row)
  report = provenance.describe() | {'rows': rows}
  for what in ('forward', 'gradients'):
    ratios = {
      str(row['case']): row[what]['times_as_long_by_ynnpack'] for row in rows
    }
    report[what] = interleaved.geometric_mean(ratios)
    print(what, json.dumps(report[what]))
  if _OUTPUT.value:
    pathlib.Path(_OUTPUT.value).write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
