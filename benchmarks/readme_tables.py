"""Writes the tables of the README and of docs from the files of results.

    python benchmarks/readme_tables.py

Replaces what stands between the markers by what the scripts beside this one
wrote into benchmarks/results, with published.json.
"""

import importlib.util
import json
import pathlib

ROOT = pathlib.Path(__file__).parent.parent
BENCHMARKS = ROOT / 'benchmarks'

# Of the rows of restoration.py: the title, the metric, the classical method
# beside it ('' is the best; where it is not, the best is told as well), and
# what was aimed at: of some sets, as the methods published it, or of all, so
# many dB above the classical method.
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
  """Returns the Markdown of each table by its page and its marker."""
  return {
    'README.md': {
      'restoration': restoration(_read('results/restoration.json')),
      'compression': _table('compression'),
      'segmentation': _table('segmentation'),
      'layers': layers(_read('results/transposed_convolution.json')),
    },
    'docs/lowering.md': {
      'methods': _table('lowering_questions', 'lowering_methods')
    },
    'docs/segmentation.md': {'decoders': _table('segmentation_decoders')},
    'docs/ablations.md': {
      'denoising': _table('denoising_ablations'),
      'long': _table('denoising_ablations', 'denoising_ablations_long'),
      'inpainting': inpainting(_read('results/restoration.json')),
      'colourisation': colourisation(_read('results/restoration.json')),
    },
  }


def _read(name: str) -> dict:
  return json.loads((BENCHMARKS / name).read_text())


def _table(name: str, results: str = '') -> str:
  """Returns the table that a script of this folder makes of its results."""
  path = BENCHMARKS / f'{name}.py'
  spec = importlib.util.spec_from_file_location(f'{name}_benchmark', path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.table(_read(f'results/{results or name}.json'))


def restoration(results: dict) -> str:
  """Returns the Markdown table, one row for each task and set."""
  published = _read('published.json')
  table = [
    '| task | set | classical, here | published (/ SSIM) | **ours** | SSIM '
    '| target, met by | parameters | steps | training |',
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
      apart = result.get('self_ensemble')
      apart = f' ({apart[each][metric]:.2f})' if apart else ''
      aim = aims.get(each) if isinstance(aims, dict) else values[method] + aims
      aim = f'{aim:.2f}, {model - aim:+.2f}' if aim else ''
      # Of Y where the PSNR is of Y; colourisation has none.
      ssim = rows['model'].get('ssim_y', rows['model'].get('ssim'))
      ssim = f'{ssim:.4f}' if ssim else ''
      table.append(
        f'| {title} | {each} | {beside} | {others} '
        f'| **{model:.2f}**{apart} | {ssim} | {aim} '
        f'| {result["parameters"]:,} | {result["step"]:,} '
        f'| {result["training_seconds"] / 60:.0f} min |'
      )
  return '\n'.join(table)


def _figures(values: dict, each: str) -> str:
  """Returns the PSNR of a set, and the SSIM where it was published too."""
  ssim = values.get('ssim', {}).get(each)
  return f'{values[each]:.2f}' + (f' / {ssim:.4f}' if ssim else '')


def inpainting(results: dict) -> str:
  """Returns the Markdown table of what was tried for 80 % of the pixels."""
  table = [
    '| widths | decay | parameters | steps | training | set '
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
      apart = result.get('self_ensemble')
      apart = f'+{apart[each]["psnr_hole"] - base:.2f}' if apart else ''
      table.append(
        f'| {widths} | {decay:g} | {result["parameters"]:,} '
        f'| {result["step"]:,} | {result["training_seconds"] / 60:.0f} min '
        f'| {each} '
        f'| {gain} | {apart} |'
      )
  return '\n'.join(table)


def colourisation(results: dict) -> str:
  """Returns the Markdown table of the two losses of colour."""
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
  """Returns the Markdown table of how many times as fast our layers are."""
  summary, step = results['summary'], results['training_step']
  table = [
    '| times as fast as | Flax, mean | worst | PyTorch, mean | worst |',
    '|:--|--:|--:|--:|--:|',
  ]
  for kind, layer in (('transposed', 'ConvTranspose'), ('strided', 'Conv')):
    for what, passes in (
      ('gradient', 'forward and gradient'),
      ('forward', 'forward'),
    ):
      cells = [
        f'{summary[f"{kind} float32 {what} / {peer}"][key]:.2f}'
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
      'Memory, temporary and of results, beside that of Flax: {:.2f} times for '
      '`ConvTranspose` (at the worst {:.1f}), {:.2f} for `Conv` ({:.1f}); time '
      'to compile: {:.2f} ({:.1f}) and {:.2f} ({:.1f}) times.'
    ).format(*costs),
  ]
  work, rate = step['gflop'], results['matmul_gflops']
  table += [
    '',
    (
      f'The products of a training step, {work:.0f} GFLOP, take '
      f"{1e3 * work / rate:.0f} ms at the rate of this machine's matrix "
      f'products ({rate:.0f} GFLOP/s); the fastest step of all rounds takes '
      f"{step['ms']['ours']:.0f}, of Flax's layers {step['ms']['flax']:.0f}, "
      f'in PyTorch {step["ms"]["torch"]:.0f}. Ratios are medians over rounds.'
    ),
  ]
  return '\n'.join(table)


def main() -> None:
  for page, tables in pages().items():
    text = (ROOT / page).read_text()
    for marker, table in tables.items():
      before, rest = text.split(f'<!-- {marker} -->')
      _, after = rest.split(f'<!-- /{marker} -->')
      text = (
        f'{before}<!-- {marker} -->\n\n{table}\n\n<!-- /{marker} -->{after}'
      )
    (ROOT / page).write_text(text)


if __name__ == '__main__':
  main()
