"""The questions that `lowering_methods.py` answers."""

from typing import NamedTuple


class Shape(NamedTuple):
  """A layer.

  Attributes:
    images: on each device.
    size: spatial shape of the input, an integer per axis.
    channels: channels of the input.
    features: of its result.
    kernel: elements along each axis.
    stride: along each axis.
  """

  images: int
  size: tuple[int, ...]
  channels: int
  features: int
  kernel: int
  stride: int = 1

  def __str__(self):
    size = 'x'.join(map(str, (self.images, *self.size)))
    kernel = 'x'.join([str(self.kernel)] * len(self.size))
    return f'{size} {self.channels}->{self.features} {kernel} / {self.stride}'


class Question(NamedTuple):
  """One comparison.

  Attributes:
    name: of the question in results files.
    title: of its table.
    layer: 'transposed' or 'strided'.
    timed: 'forward', 'images' (the input gradient) or 'kernel' (the weight
      gradient).
    decision: field of `choose.Plan` to set; or `'few_channels'` for
      `choose.has_few_channels`, `'patches'` for its threshold there.
    ways: values of the decision, and their names in results files. `'lax'` is
      the layer of `jax.lax`; `'product'` says that the two rules hold.
    shapes: of layers.
  """

  name: str
  title: str
  layer: str
  timed: str
  decision: str
  ways: dict[str, str]
  shapes: tuple[Shape, ...]


_TIMED = {
  'forward': 'forward',
  'images': 'input gradient',
  'kernel': 'weight gradient',
}

_UP = {'polyphase': 'phases', 'per_phase': 'apart'}
_DOWN = {'xla': 'direct', 'polyphase': 'phases'}
_PRODUCT = {'convolution': 'convolution', 'product': 'product'}


def _square(images, side, *rest):
  return Shape(images, (side, side), *rest)


_TRANSPOSED = (
  _square(32, 4, 512, 256, 4, 2),
  _square(32, 8, 128, 64, 4, 2),
  _square(32, 16, 64, 32, 4, 2),
  _square(32, 32, 32, 16, 4, 2),
  _square(8, 32, 64, 32, 2, 2),
  _square(8, 32, 64, 16, 3, 2),
  _square(8, 32, 64, 32, 3, 2),
  _square(8, 32, 64, 24, 5, 2),
  _square(8, 32, 64, 32, 5, 2),
  _square(8, 16, 64, 32, 3, 3),
  _square(8, 24, 56, 16, 9, 3),
  _square(8, 16, 32, 16, 9, 4),
  _square(8, 16, 64, 64, 9, 4),
)
_STRIDED = (
  _square(8, 64, 3, 32, 4, 2),
  _square(8, 64, 32, 64, 3, 2),
  _square(8, 64, 32, 64, 4, 2),
  _square(8, 32, 64, 128, 4, 2),
)

QUESTIONS = (
  Question(
    'phases together, apart, or rows apart',
    'Polyphase or per-phase convolutions',
    'transposed', 'forward', 'forward', _UP, _TRANSPOSED,
  ),
  Question(
    'the same for the gradient of a strided convolution',
    'The same for the input gradient of a strided convolution',
    'strided', 'images', 'input_gradient', _UP, _STRIDED,
  ),
  Question(
    "XLA's strided convolution or phases",
    "XLA's strided convolution or polyphase",
    'transposed', 'images', 'input_gradient', _DOWN,
    (
      *(_square(8, 32, 32, f, 4, 2) for f in (3, 8, 16)),
      *_TRANSPOSED[:4],
    ),
  ),
  Question(
    "XLA's own gradient for the kernel",
    "XLA's own weight gradient of a transposed convolution",
    'transposed', 'kernel', 'weight_gradient',
    {'lax': 'whole', 'row_blocks': 'swapped', 'im2col': 'columns'},
    (_square(8, 16, 64, 32, 3, 3), _square(8, 16, 32, 16, 9, 4)),
  ),
  Question(
    'the kernel of a transposed convolution',
    'The weight gradient of a transposed convolution',
    'transposed', 'kernel', 'weight_gradient',
    {'row_blocks': 'swapped', 'im2col': 'columns'},
    (
      *_TRANSPOSED,
      *(_square(n, 4, 512, 256, 4, 2) for n in (1, 2, 8)),
      _square(1, 128, 32, 3, 4, 2),
      *(_square(n, 64, 32, 16, 4, 2) for n in (2, 5, 7, 8)),
      _square(10, 32, 64, 32, 4, 2),
    ),
  ),
  Question(
    'the kernel of a strided convolution',
    'The weight gradient of a strided convolution',
    'strided', 'kernel', 'weight_gradient',
    {'row_blocks': 'strips', 'im2col': 'columns'},
    (
      *_STRIDED,
      _square(8, 64, 32, 64, 2, 2),
      *(_square(n, 64, 32, 64, 4, 2) for n in (1, 2, 5, 7, 10)),
    ),
  ),
  Question(
    'the kernel of a convolution of stride 1',
    'The weight gradient at stride 1',
    'strided', 'kernel', 'weight_gradient',
    {
      'row_blocks': 'strips', 'padded_input': 'bordered',
      'operand_swap': 'swapped', 'im2col': 'columns',
    },
    (
      *(_square(8, 64, 32, f, 3) for f in (3, 12, 16, 28, 32)),
      _square(8, 64, 16, 32, 3),
      *(_square(n, 64, 32, 32, 3) for n in (2, 5, 7)),
      _square(2, 64, 32, 3, 3),
      _square(2, 64, 32, 16, 3),
      _square(1, 64, 64, 64, 3),
      Shape(4, (90, 120), 48, 48, 3),
      _square(8, 32, 64, 64, 5),
      _square(32, 16, 64, 64, 3),
      _square(32, 8, 128, 128, 3),
      _square(2, 8, 256, 256, 3),
      _square(1, 4, 512, 512, 3),
      _square(8, 32, 64, 64, 1),
      *(Shape(1, (256,), 8, 8, k) for k in (9, 32, 128)),
      Shape(2, (1024,), 32, 32, 64),
    ),
  ),
  Question(
    'half of the products', 'Winograd',
    'strided', 'forward', 'forward',
    {'unit_stride': 'stuffed', 'winograd': 'winograd'},
    (
      *(_square(8, 64, c, c, 3) for c in (16, 32, 48, 96)),
      Shape(1, (23, 30), 64, 64, 3),
      Shape(2, (90, 120), 48, 48, 3),
    ),
  ),
  Question(
    'few features or columns as a product',
    'Few channels as a matrix product',
    'strided', 'forward', 'few_channels', _PRODUCT,
    (
      *(_square(8, 64, 32, f, 3) for f in (3, 11, 16)),
      *(_square(8, 64, c, 32, 3) for c in (3, 5, 8)),
    ),
  ),
  Question(
    'windows side by side as a product',
    'Patches as a matrix product (kernel size equal to the stride)',
    'strided', 'forward', 'patches', _PRODUCT,
    (
      Shape(4, (384, 480), 3, 48, 4, 4),
      *(_square(8, 64, c, 32, 2, 2) for c in (3, 12, 16)),
    ),
  ),
)  # fmt: skip


def table(results: dict) -> str:
  """Returns Markdown, a table for each question.

  Args:
    results: the JSON object that `lowering_methods.py` wrote.
  """
  lines = []
  for question in QUESTIONS:
    rows = [r for r in results['rows'] if r['question'] == question.name]
    lines += [
      f'## {question.title}',
      '',
      f'{question.layer.capitalize()}, {_TIMED[question.timed]}, ms:',
      '',
      f'| layer | chosen | {" | ".join(question.ways)} |',
      '|:--|' + '--:|' * (len(question.ways) + 1),
    ]
    for row in rows:
      times = [row['ms'][recorded] for recorded in question.ways.values()]
      cells = [f'{row["ms"]["ours"]:.2f}']
      for ms in times:
        cells.append(f'**{ms:.2f}**' if ms == min(times) else f'{ms:.2f}')
      lines.append(f'| {row["shape"]} | {" | ".join(cells)} |')
    lines.append('')
  mean = results['fastest_over_ours']
  lines.append(
    'The fastest way takes {:.2f} of the time of the chosen way in the '
    'geometric mean over all rows, and {:.2f} in the worst case.'.format(
      mean['geometric_mean'], mean['worst']
    )
  )
  return '\n'.join(lines)
