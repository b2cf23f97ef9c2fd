"""Times every way to compute an operation beside the one that layers choose.

    python benchmarks/lowering_methods.py --output=FILE.json

The table behind most thresholds of `autoencoder.layers` (`docs/lowering.md`), a
question for each. Forward passes, gradients for images and gradients for
kernels are timed apart, float32, on all cores by Eigen. A program has a layer
four times, with images and kernels of their own.
"""

from collections.abc import Iterator
import contextlib
import json
import pathlib
import sys
import time
from unittest import mock

from absl import app
from absl import flags
import jax
import jax.numpy as jnp
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from autoencoder import layers  # noqa: E402
from autoencoder.layers.lowerings import choose  # noqa: E402
from autoencoder.layers.lowerings import few_channels  # noqa: E402
from autoencoder.layers.lowerings import strided  # noqa: E402
from autoencoder.runs import provenance  # noqa: E402
from autoencoder.runtime import processors  # noqa: E402
from benchmarks import interleaved  # noqa: E402
from benchmarks import lowering_questions  # noqa: E402

_OUTPUT = flags.DEFINE_string('output', None, 'JSON file to write.')
_ONLY = flags.DEFINE_string('only', '', 'Ask the questions that have this.')
_ROUNDS = flags.DEFINE_integer(
  'rounds', 15, 'Rounds of every comparison.', lower_bound=1
)

_REPEATS = 4


@contextlib.contextmanager
def _taking(field: str, way: str):
  """Has layers compute an operation in one way, and sees that they ask."""
  product = way == 'product'
  if field == 'side by side':
    with mock.patch.object(strided, '_FEW_TAPS', 1 << 20 if product else 0):
      yield
    return
  owner, name = (
    (few_channels, 'suits') if field == 'narrow' else (choose, 'choose')
  )
  rule, asked = getattr(owner, name), []
  replaced = {field: way}
  if way == 'whole':  # What that is follows from how images are gathered.
    replaced['gather'] = 'direct'

  def in_one_way(*args, **kwargs):
    asked.append(args)
    if field == 'narrow':
      return product
    return rule(*args, **kwargs)._replace(**replaced)

  with mock.patch.object(owner, name, in_one_way):
    yield
  assert asked, f'Nothing depends on {field}.'


def _compiled(
  question: lowering_questions.Question, shape: lowering_questions.Shape
):
  """Returns a program for what is timed, as layers now compute it.

  Returns:
    A function of no arguments, and the seconds that the program took to
    compile after it was lowered.
  """
  rank, strides = len(shape.size), (shape.stride,) * len(shape.size)
  spatial = 'HW'[-rank:]
  numbers = f'N{spatial}C', f'{spatial}IO', f'N{spatial}C'

  def layer(x, w):
    if question.layer == 'transposed':
      return layers.conv_transpose(x, w, strides)
    return layers.conv_general_dilated(
      x, w, strides, 'SAME', dimension_numbers=numbers
    )

  def all_layers(x, w):
    return [layer(*pair) for pair in zip(x, w)]

  def timed(x, w, cotangent):
    if question.timed == 'forward':
      return all_layers(x, w)
    if question.timed == 'images':
      return jax.vjp(lambda x: all_layers(x, w), x)[1](cotangent)
    pull = jax.vjp(lambda w: all_layers(x, w), w)[1]
    return jax.lax.psum(pull(cotangent), 'batch')

  kernel = (*[shape.kernel] * rank, shape.channels, shape.features)
  images = shape.images * jax.device_count()
  keys = jax.random.split(jax.random.key(0), (2, _REPEATS))
  w = [0.1 * jax.random.normal(key, kernel) for key in keys[0]]
  x = [
    jax.random.normal(key, (images, *shape.size, shape.channels))
    for key in keys[1]
  ]
  out = jax.eval_shape(layer, x[0], w[0]).shape
  cotangent = [jnp.ones(out)] * _REPEATS
  mesh = jax.sharding.Mesh(np.array(jax.devices()), ('batch',))
  specs = jax.P('batch'), jax.P(), jax.P('batch')
  operands = jax.device_put(
    (x, w, cotangent), tuple(jax.NamedSharding(mesh, spec) for spec in specs)
  )
  result = jax.P() if question.timed == 'kernel' else jax.P('batch')
  function = jax.shard_map(
    timed, mesh=mesh, in_specs=specs, out_specs=result, check_vma=False
  )
  jax.clear_caches()  # What was traced before was for another way.
  lowered = jax.jit(function).lower(*operands)
  start = time.perf_counter()
  program = lowered.compile()
  seconds = time.perf_counter() - start
  return lambda: jax.block_until_ready(program(*operands)), seconds


def _answers() -> Iterator[dict[str, object]]:
  """Yields milliseconds by way, question by question and shape by shape."""
  for question in lowering_questions.QUESTIONS:
    if _ONLY.value not in question.name:
      continue
    for shape in question.shapes:
      runs, seconds = {}, {}
      runs['ours'], seconds['ours'] = _compiled(question, shape)
      for way in question.ways:
        with _taking(question.field, way):
          runs[way], seconds[way] = _compiled(question, shape)
      timing = interleaved.measure(runs, _ROUNDS.value, 5.0)
      yield {
        'question': question.name,
        'timed': f'{question.layer}, {question.timed}',
        'shape': str(shape),
        'ms': {name: ms / _REPEATS for name, ms in timing['ms'].items()},
        'ratio': timing['ratio'],
        'compile_s': seconds,
      }


def main(argv):
  del argv
  names = [question.name for question in lowering_questions.QUESTIONS]
  if not any(_ONLY.value in name for name in names):
    raise app.UsageError(
      f'--only={_ONLY.value} is part of no question; they are: '
      + '; '.join(names)
    )
  # Said now rather than after half an hour.
  if _OUTPUT.value and not pathlib.Path(_OUTPUT.value).parent.is_dir():
    raise app.UsageError(f'--output={_OUTPUT.value} is in no folder there is.')
  processors.use_eigen()
  processors.keep_freed_memory()
  processors.share(16)
  rows, asked = [], None
  for row in _answers():
    if row['question'] != asked:
      asked = row['question']
      print(f'\n{asked} ({row["timed"]}): ms by way, seconds to compile')
    ways = ', '.join(
      f'{name} {ms:.2f} ({row["compile_s"][name]:.1f})'
      for name, ms in row['ms'].items()
    )
    print(f'  {row["shape"]:28} {ways}', flush=True)
    rows.append(row)
  # Noise of the fastest of several counts against ours: never more than 1.
  ratios = {
    f'{row["question"]}: {row["shape"]}': min(1.0, *row['ratio'].values())
    for row in rows
  }
  report = provenance.describe() | {
    'fastest_over_ours': interleaved.geometric_mean(ratios),
    'rows': rows,
  }
  print('\nfastest over ours:', json.dumps(report['fastest_over_ours']))
  if _OUTPUT.value:
    pathlib.Path(_OUTPUT.value).write_text(json.dumps(report, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
