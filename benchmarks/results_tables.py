"""Writes the tables of README.md and docs/ from the results files.

    python benchmarks/results_tables.py

Each table stands between two markers, `<!-- NAME -->` and `<!-- /NAME -->`. Its
figures come from `benchmarks/results`, which the other scripts here write, and
from `published.json` and `published_compression.json`.
"""

import importlib
import pathlib
import sys

ROOT = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import common
from benchmarks import upsampling_report

# Rows of the default results, by the results file: the title, the metric and
# its factor, the unprocessed or simplest answer and its label, and the best
# classical method. Empty where there is none.
DEFAULTS = {
  'denoising_sample_photos': (
    'denoising, sigma 25 of 255', 'PSNR, dB', 'psnr',
    ('input', ''), 'non-local means',
  ),
  'inpainting_sample_photos': (
    'inpainting, half of the pixels', 'PSNR in the holes, dB', 'psnr_hole',
    ('mean', 'mean'), 'biharmonic',
  ),
  'super_resolution_sample_photos': (
    'super-resolution x2', 'PSNR of Y, dB', 'psnr_y',
    ('bicubic', 'bicubic'), 'Lanczos',
  ),
  'colourisation_sample_photos': (
    'colourisation', 'PSNR of ab, dB', 'psnr_ab', ('grey', 'grey'), '',
  ),
  'scenes': (
    'segmentation of digits on photos', 'mean IoU, %', 'miou', (), '',
  ),
}  # fmt: skip

# Rows of restoration.py: the title, the metric, the classical baseline ('' for
# the best one; if another one is better, the table shows both), and the target:
# a published value for some test sets, or a margin in dB over the baseline for
# every set.
TITLES = {
  'denoising_grey_25': (
    'denoising, grey, sigma 25, PSNR', 'psnr', '', {'BSD68': 28.92},
  ),
  'denoising_grey_50': (
    'denoising, grey, sigma 50, PSNR', 'psnr', '', {'BSD68': 25.62},
  ),
  'denoising_colour_25': (
    'denoising, colour, sigma 25, PSNR', 'psnr', '', {'Kodak24': 31.68},
  ),
  'super_resolution_x2': (
    'super-resolution x2, PSNR of Y', 'psnr_y', 'bicubic', {'Set5': 36.66},
  ),
  'super_resolution_x3': (
    'super-resolution x3, PSNR of Y', 'psnr_y', 'bicubic', {'Set5': 32.75},
  ),
  'super_resolution_x4': (
    'super-resolution x4, PSNR of Y', 'psnr_y', 'bicubic', {'Set5': 30.48},
  ),
  'inpainting_50': (
    'inpainting, 50 % of the pixels, PSNR in the holes', 'psnr_hole',
    'biharmonic', 1.5,
  ),
  'inpainting_80': (
    'inpainting, 80 % of the pixels, PSNR in the holes', 'psnr_hole',
    'biharmonic', 1.5,
  ),
  'inpainting_blocks': (
    'inpainting, 32-pixel blocks, PSNR in the holes', 'psnr_hole',
    'biharmonic', 1.5,
  ),
  'colourisation': ('colourisation, PSNR of RGB', 'psnr', 'grey', 1.0),
}  # fmt: skip


def pages() -> dict[str, dict[str, str]]:
  """Returns the Markdown of each table, by page and by marker."""
  restored = common.read_json('results/restoration.json')
  upsampled = common.read_json('results/upsampling.json')
  return {
    'README.md': {'default': default_results()},
    'docs/results.md': {
      'restoration': restoration(restored),
      'compression': _table('compression'),
      'segmentation': _table('segmentation'),
      'layers': layers(common.read_json('results/transposed_convolution.json')),
    },
    'docs/lowering.md': {
      'methods': _table('lowering_questions', 'lowering_methods')
    },
    'docs/segmentation.md': {'decoders': _table('segmentation_decoders')},
    'docs/ablations.md': {
      'denoising': _table('denoising_ablations'),
      'long': _table('denoising_ablations', 'denoising_ablations_long'),
      'inpainting': inpainting(restored),
      'colourisation': colourisation(restored),
    },
    'docs/upsampling.md': upsampling_report.sections(upsampled),
  }


def _table(script: str, results: str = '') -> str:
  """Returns the table that another script makes of its results file."""
  module = importlib.import_module(f'benchmarks.{script}')
  return module.table(common.read_json(f'results/{results or script}.json'))


def default_results() -> str:
  """Returns the table of each experiment's default run."""
  table = [
    '| experiment | measure | input or simplest method | best classical method '
    '| **this autoencoder** | training |',
    '|:--|:--|--:|--:|--:|--:|',
  ]
  for name, (title, measure, metric, simple, classical) in DEFAULTS.items():
    result = common.read_json(f'results/{name}.json')
    mean = result['mean']
    minutes, seconds = divmod(round(result['training_seconds']), 60)
    time = f'{minutes} min {seconds} s' if minutes else f'{seconds} s'
    start = best = ''
    if simple:
      row, label = simple
      start = f'{mean[row][metric]:.2f}' + (f' ({label})' if label else '')
    if classical:
      best = f'{mean[classical][metric]:.2f} ({classical})'
    value = mean['model'][metric]
    model = f'{100 * value:.1f}' if measure.endswith('%') else f'{value:.2f}'
    table.append(
      f'| {title} | {measure} | {start} | {best} | **{model}** | {time} |'
    )
  return '\n'.join(table)


def restoration(results: dict) -> str:
  """Returns the table of the published protocols, a row per task and set."""
  published = common.read_json('published.json')
  table = [
    '| task | test set | classical, measured here | published (/ SSIM) '
    '| **ours** | SSIM | target, margin | parameters | steps | training |',
    '|:--|:--|--:|:--|--:|--:|--:|--:|--:|--:|',
  ]
  for name, (title, metric, classical, aims) in TITLES.items():
    if name not in results:
      continue
    result = results[name]
    for each, rows in result['sets'].items():
      values = {row: found[metric] for row, found in rows.items()}
      model = values.pop('model')
      best = max(values, key=values.get)
      method = classical or best
      beside = f'{values[method]:.2f} ({method})'
      if best != method:
        beside += f', {values[best]:.2f} ({best})'
      others = ', '.join(
        f'{other} {_figures(values, each)}'
        for other, values in published.get(name, {}).items()
        if each in values
      )
      ensemble = result.get('self_ensemble')
      ensemble = f' ({ensemble[each][metric]:.2f})' if ensemble else ''
      aim = aims.get(each) if isinstance(aims, dict) else values[method] + aims
      aim = f'{aim:.2f}, {model - aim:+.2f}' if aim else ''
      # The SSIM of Y goes with the PSNR of Y; colourisation has no SSIM.
      ssim = rows['model'].get('ssim_y', rows['model'].get('ssim'))
      ssim = f'{ssim:.4f}' if ssim else ''
      table.append(
        f'| {title} | {each} | {beside} | {others} '
        f'| **{model:.2f}**{ensemble} | {ssim} | {aim} '
        f'| {result["parameters"]:,} | {result["step"]:,} '
        f'| {result["training_seconds"] / 60:.0f} min |'
      )
  return '\n'.join(table)


def _figures(values: dict, each: str) -> str:
  """Returns the published PSNR of a set, and the SSIM if there is one."""
  ssim = values.get('ssim', {}).get(each)
  return f'{values[each]:.2f}' + (f' / {ssim:.4f}' if ssim else '')


def inpainting(results: dict) -> str:
  """Returns the table of the recipes tried for holes of 80 % of the pixels."""
  table = [
    '| widths | weight decay | parameters | steps | training | set '
    '| over biharmonic, dB | with self-ensemble |',
    '|:--|--:|--:|--:|--:|:--|--:|--:|',
  ]
  for name, result in results.items():
    if not name.startswith('inpainting_80'):
      continue
    decay = result['options'].get('train.weight_decay', 1e-4)
    widths = result['options'].get('model.widths')
    widths = ', '.join(map(str, widths)) if widths else 'default'
    for each, rows in result['sets'].items():
      base = rows['biharmonic']['psnr_hole']
      gain = f'+{rows["model"]["psnr_hole"] - base:.2f}'
      ensemble = result.get('self_ensemble')
      if ensemble:
        ensemble = f'+{ensemble[each]["psnr_hole"] - base:.2f}'
      table.append(
        f'| {widths} | {decay:g} | {result["parameters"]:,} '
        f'| {result["step"]:,} | {result["training_seconds"] / 60:.0f} min '
        f'| {each} '
        f'| {gain} | {ensemble or ""} |'
      )
  return '\n'.join(table)


def colourisation(results: dict) -> str:
  """Returns the table of the two losses for colourisation."""
  table = [
    '| Kodak24 | PSNR, dB | PSNR of ab, dB | AuC of ab | colourfulness '
    '| training |',
    '|:--|--:|--:|--:|--:|--:|',
  ]
  runs = {
    'grey': ('colourisation', 'grey'),
    'L2 of ab': ('colourisation', 'model'),
    'classification': ('colourisation_classification', 'model'),
  }
  for title, (name, row) in runs.items():
    values = results[name]['sets']['Kodak24'][row]
    minutes = f'{results[name]["training_seconds"] / 60:.0f} min'
    table.append(
      f'| {title} | {values["psnr"]:.2f} | {values["psnr_ab"]:.2f} '
      f'| {values["auc_ab"]:.3f} | {values["colorfulness"]:.1f} '
      f'| {minutes if row == "model" else ""} |'
    )
  return '\n'.join(table)


def layers(results: dict) -> str:
  """Returns the table of the speed of our layers relative to others."""
  summary, step = results['summary'], results['training_step']
  table = [
    '| speed relative to | Flax, mean | worst | PyTorch, mean | worst |',
    '|:--|--:|--:|--:|--:|',
  ]
  for kind, layer in (('transposed', 'ConvTranspose'), ('strided', 'Conv')):
    for key_part, passes in (
      ('gradient', 'forward and gradient'),
      ('forward', 'forward'),
    ):
      cells = [
        f'{summary[f"{kind} float32 {key_part} / {peer}"][key]:.2f}'
        for peer in ('flax', 'torch')
        for key in ('geometric_mean', 'worst')
      ]
      table.append(f'| `{layer}`, {passes} | {" | ".join(cells)} |')
  flax, pytorch = (step['ratio'][peer] for peer in ('flax', 'torch'))
  side = step['side']
  table.append(
    f'| training step of the default model, {step["batch"]} x {side} x {side} '
    f'| {flax:.2f} | | {pytorch:.2f} | |'
  )
  costs = [
    1 / summary[f'{kind} float32 {cost} / flax'][key]
    for cost in ('temporary_mb', 'compile_s')
    for kind in ('transposed', 'strided')
    for key in ('geometric_mean', 'worst')
  ]
  table += [
    '',
    (
      'Peak memory relative to Flax: {:.2f} times for `ConvTranspose` (worst '
      'shape {:.1f}), {:.2f} for `Conv` ({:.1f}). Compilation time: {:.2f} '
      '({:.1f}) and {:.2f} ({:.1f}) times.'
    ).format(*costs),
  ]
  work, rate = step['gflop'], results['matmul_gflops']
  table += [
    '',
    (
      f'The multiply-adds of one training step, {work:.0f} GFLOP, would take '
      f"{1e3 * work / rate:.0f} ms at the rate of this machine's matrix "
      f'products ({rate:.0f} GFLOP/s). The fastest step of all rounds takes '
      f'{step["ms"]["ours"]:.0f} ms with our layers, '
      f"{step['ms']['flax']:.0f} with Flax's and {step['ms']['torch']:.0f} in "
      'PyTorch. The ratios in the table are medians over rounds.'
    ),
  ]
  return '\n'.join(table)


def main() -> None:
  for page, tables in pages().items():
    common.fill(ROOT / page, tables)


if __name__ == '__main__':
  main()
