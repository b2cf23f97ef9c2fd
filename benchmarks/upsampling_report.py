"""The page of benchmarks/upsampling.py: its tables, sentences and picture."""

import pathlib

import numpy as np

DOCS = pathlib.Path(__file__).parents[1] / 'docs'
PAGE = DOCS / 'upsampling.md'
PICTURE = DOCS / 'images' / 'upsampling.png'

# Its switches bypass the bottleneck, so its PSNR is not ranked with the others.
BYPASS = 'unpool'
SHOWN = 24  # Pixels a side in the picture, a multiple of the stride.
# Contrast of the rows of the picture, about the mean or about the target.
CONSTANT_START, CONSTANT_TRAINED, ERROR = 1, 16, 8


def sections(result: dict) -> dict[str, str]:
  """Returns the Markdown of the page by the name of its markers."""
  return {
    'table': '\n'.join(as_table(result)),
    'verdict': '\n'.join(verdicts(result)),
  }


def number(value, digits=2, *, deviation=False) -> str:
  """Returns a mean over seeds, with its standard deviation if asked for."""
  if value is None:
    return '–'
  text = f'{value["mean"]:,.{digits}f}'
  if deviation and value['deviation'] is not None:
    text += f' ± {value["deviation"]:.{digits}f}'
  return text


def as_table(result) -> list[str]:
  """Returns the lines of two Markdown tables."""
  rows = result['variants']
  quality = [
    '| upsampling | PSNR, dB | parameters | kFLOP per pixel '
    '| training step, ms | forward, ms per megapixel |',
    '|:--|--:|--:|--:|--:|--:|',
  ]
  pattern = [
    '| upsampling | gain spread, initial | trained '
    '| alias ratio, initial | trained | phase deviation, initial | trained |',
    '|:--|--:|--:|--:|--:|--:|--:|',
  ]
  for name, row in rows.items():
    flops = {'mean': row['flops_per_pixel']['mean'] / 1e3}
    cells = [
      number(row['after']['psnr'], deviation=True),
      number(row['parameters'], 0),
      number(flops, 1),
      number(row['step_ms'], 1),
      number(row['forward_ms_per_megapixel'], 0),
    ]
    quality.append(f'| {name} | ' + ' | '.join(cells) + ' |')
    cells = [
      number(row[when][what], deviation=True)
      for what in ('gain_spread', 'alias_ratio', 'phase_deviation')
      for when in ('before', 'after')
    ]
    pattern.append(f'| {name} | ' + ' | '.join(cells) + ' |')
  note = (
    f'{result["steps"]:,} steps; seeds: {result["seeds"]} (mean ± standard '
    f'deviation); held out: {result["held_out"]}; {result["machine"]}; commit '
    f'{result["commit"]}. FLOPs are counted in the compiled program. For '
    'comparison, the error of a Gaussian blur, which has no pattern, has an '
    f'alias ratio of {result["alias_ratio_of_a_blur"]:.2f}.'
  )
  return [*quality, '', *pattern, '', note]


def verdicts(result) -> list[str]:
  """Returns a summary of the tables as Markdown list items."""
  rows = result['variants']
  fair = {name: row for name, row in rows.items() if name != BYPASS}

  def value(name, *keys):
    found = rows[name]
    for key in keys:
      found = found[key]
    return found['mean']

  psnr = {name: value(name, 'after', 'psnr') for name in rows}
  best, worst = max(fair, key=psnr.get), min(fair, key=psnr.get)
  spread = max(row['after']['psnr']['deviation'] or 0 for row in fair.values())
  near = [n for n in fair if n != best and psnr[best] - psnr[n] <= spread]
  fastest = min(fair, key=lambda name: value(name, 'step_ms'))
  lines = [
    f'- **Quality.** {best} is best with {psnr[best]:.2f} dB; {worst} is last, '
    f'{psnr[best] - psnr[worst]:.2f} dB lower. Within {spread:.2f} dB of the '
    'best, the largest standard deviation between seeds: '
    f'{", ".join(near) or "none"}.',
    f'- **Speed.** {fastest} has the fastest training step, '
    f'{value(fastest, "step_ms"):.1f} ms, and is '
    f'{psnr[best] - psnr[fastest]:.2f} dB below the best.',
  ]
  for when, words in (('before', 'initial'), ('after', 'after training')):
    order = sorted(fair, key=lambda n: value(n, when, 'phase_deviation'))
    listed = ', '.join(
      f'{name} {value(name, when, "phase_deviation"):.2f}' for name in order
    )
    lines.append(
      f'- **Checkerboard, {words}.** Phase deviation, in ascending order: '
      f'{listed}.'
    )
  lines.append(
    f'- **Unpooling** reaches {psnr[BYPASS]:.2f} dB. It is not ranked above, '
    'because its switches tell the decoder where every maximum was.'
  )
  return lines


def draw(variants, photo) -> None:
  """Draws one column per variant, and the ideal answer.

  Args:
    variants: `Entrant.pictures()` by the name of the variant.
    photo: `[H, W, 3]` in [0, 1], the target of the photo.
  """
  import matplotlib

  matplotlib.use('Agg')
  import matplotlib.pyplot as plt

  def middle(image):
    top, left = ((size - SHOWN) // 2 // 4 * 4 for size in image.shape[:2])
    return image[top : top + SHOWN, left : left + SHOWN]

  def deviation(image, contrast):
    return 0.5 + contrast * (image - image.mean((0, 1)))

  target = middle(np.asarray(photo))
  flat = np.full_like(target, 0.5)
  columns = {}
  for name, images in variants.items():
    start, trained, answer = (middle(image) for image in images.values())
    columns[name] = [
      deviation(start, CONSTANT_START),
      deviation(trained, CONSTANT_TRAINED),
      answer,
      0.5 + ERROR * (answer - target),
    ]
  columns['ideal'] = [flat, flat, target, flat]
  labels = [
    'grey input,\nuntrained',
    f'grey input,\ntrained, × {CONSTANT_TRAINED}',
    'photo, trained',
    f'its error, × {ERROR}',
  ]
  figure, axes = plt.subplots(
    len(labels),
    len(columns),
    figsize=(1.3 * len(columns) + 0.5, 1.3 * len(labels) + 0.3),
    facecolor='white',
    layout='constrained',
  )
  for column, (name, images) in enumerate(columns.items()):
    axes[0, column].set_title(name, fontsize=9)
    for row, image in enumerate(images):
      axis = axes[row, column]
      axis.imshow(np.clip(image, 0, 1), interpolation='nearest')
      axis.set(xticks=[], yticks=[])
      if column == 0:
        axis.set_ylabel(labels[row], fontsize=9)
  PICTURE.parent.mkdir(parents=True, exist_ok=True)
  figure.savefig(PICTURE, dpi=130)
  plt.close(figure)
