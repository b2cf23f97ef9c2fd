"""What `lowering_methods.py` compares: ways to compute a layer, and shapes."""

from typing import NamedTuple


class Shape(NamedTuple):
  """A layer.

  Attributes:
    images: on each device.
    size: of what it is given, an integer per spatial axis.
    channels: of what it is given.
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
  """What to compare.

  Attributes:
    name: of the question.
    layer: 'transposed' or 'strided'.
    timed: 'forward', 'images' or 'kernel', the last two being gradients.
    field: of `methods.Methods` that says how; or `'narrow'` for
      `narrow.suits`, `'side by side'` for the rule in `strided`.
    ways: what the field may be; of the two rules, `'product'` where they hold.
    shapes: of layers.
  """

  name: str
  layer: str
  timed: str
  field: str
  ways: tuple[str, ...]
  shapes: tuple[Shape, ...]


_TIMED = {
  'forward': 'forward',
  'images': 'gradient for the images',
  'kernel': 'gradient for the kernel',
}


def _square(images, side, *rest):
  return Shape(images, (side, side), *rest)


_PAINTED = (
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
_GATHERED = (
  _square(8, 64, 3, 32, 4, 2),
  _square(8, 64, 32, 64, 3, 2),
  _square(8, 64, 32, 64, 4, 2),
  _square(8, 32, 64, 128, 4, 2),
)

QUESTIONS = (
  Question(
    'phases together, apart, or rows apart', 'transposed', 'forward',
    'paint', ('phases', 'apart', 'rows'), _PAINTED,
  ),
  Question(
    'the same for the gradient of a strided convolution', 'strided', 'images',
    'paint', ('phases', 'apart', 'rows'), _GATHERED,
  ),
  Question(
    "XLA's strided convolution or phases", 'transposed', 'images',
    'gather', ('direct', 'phases'),
    (
      *(_square(8, 32, 32, f, 4, 2) for f in (3, 8, 16)),
      *_PAINTED[:4],
    ),
  ),
  Question(
    "XLA's own gradient for the kernel", 'transposed', 'kernel',
    'kernel', ('whole', 'swapped', 'columns'),
    (_square(8, 16, 64, 32, 3, 3), _square(8, 16, 32, 16, 9, 4)),
  ),
  Question(
    'the kernel of a transposed convolution', 'transposed', 'kernel',
    'kernel', ('swapped', 'columns'),
    (
      *_PAINTED,
      *(_square(n, 4, 512, 256, 4, 2) for n in (1, 2, 8)),
      _square(1, 128, 32, 3, 4, 2),
      *(_square(n, 64, 32, 16, 4, 2) for n in (2, 5, 7, 8)),
      _square(10, 32, 64, 32, 4, 2),
    ),
  ),
  Question(
    'the kernel of a strided convolution', 'strided', 'kernel',
    'kernel', ('strips', 'columns'),
    (
      *_GATHERED,
      _square(8, 64, 32, 64, 2, 2),
      *(_square(n, 64, 32, 64, 4, 2) for n in (1, 2, 5, 7, 10)),
    ),
  ),
  Question(
    'the kernel of a convolution of stride 1', 'strided', 'kernel',
    'kernel', ('strips', 'bordered', 'swapped', 'columns'),
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
    'half of the products', 'strided', 'forward',
    'gather', ('stuffed', 'winograd'),
    (
      *(_square(8, 64, c, c, 3) for c in (16, 32, 48, 96)),
      Shape(1, (23, 30), 64, 64, 3),
      Shape(2, (90, 120), 48, 48, 3),
    ),
  ),
  Question(
    'few features or columns as a product', 'strided', 'forward',
    'narrow', ('convolution', 'product'),
    (
      *(_square(8, 64, 32, f, 3) for f in (3, 11, 16)),
      *(_square(8, 64, c, 32, 3) for c in (3, 5, 8)),
    ),
  ),
  Question(
    'windows side by side as a product', 'strided', 'forward',
    'side by side', ('convolution', 'product'),
    (
      Shape(4, (384, 480), 3, 48, 4, 4),
      *(_square(8, 64, c, 32, 2, 2) for c in (3, 12, 16)),
    ),
  ),
)  # fmt: skip


def table(results: dict) -> str:
  """Returns Markdown, a table for each question.

  Args:
    results: what `lowering_methods.py` wrote.

  Returns:
    Headings, tables and a closing line.
  """
  lines = []
  for question in QUESTIONS:
    rows = [r for r in results['rows'] if r['question'] == question.name]
    lines += [
      f'## {question.name[0].upper()}{question.name[1:]}',
      '',
      f'{question.layer.capitalize()}, {_TIMED[question.timed]}, ms:',
      '',
      f'| layer | ours | {" | ".join(question.ways)} |',
      '|:--|' + '--:|' * (len(question.ways) + 1),
    ]
    for row in rows:
      best = min(row['ms'][way] for way in question.ways)
      cells = [f'{row["ms"]["ours"]:.2f}']
      for way in question.ways:
        ms = f'{row["ms"][way]:.2f}'
        cells.append(f'**{ms}**' if row['ms'][way] == best else ms)
      lines.append(f'| {row["shape"]} | {" | ".join(cells)} |')
    lines.append('')
  mean = results['fastest_over_ours']
  lines.append(
    'The fastest way takes {:.2f} of the time of the one that is chosen in the '
    'geometric mean, and at the least {:.2f} ({}).'.format(
      mean['geometric_mean'], mean['worst'], mean['worst_case']
    )
  )
  return '\n'.join(lines)
