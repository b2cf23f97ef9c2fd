"""Writes the README's table of restoration results from their files.

    python benchmarks/restoration_table.py

Reads benchmarks/results/restoration.json, which `restoration.py` wrote, and
benchmarks/published.json, and replaces what stands between the markers.
"""

import json
import pathlib

ROOT = pathlib.Path(__file__).parent.parent
README = ROOT / 'README.md'
BEGIN, END = '<!-- restoration -->\n', '<!-- /restoration -->'

# What the rows of restoration.py are called, and the measure of each.
TITLES = {
  'denoising_grey_25': ('denoising, grey, sigma 25', 'psnr', 'PSNR'),
  'denoising_grey_50': ('denoising, grey, sigma 50', 'psnr', 'PSNR'),
  'denoising_colour_25': ('denoising, colour, sigma 25', 'psnr', 'PSNR'),
  'super_resolution_x2': ('super-resolution x2', 'psnr_y', 'PSNR of Y'),
  'super_resolution_x3': ('super-resolution x3', 'psnr_y', 'PSNR of Y'),
  'super_resolution_x4': ('super-resolution x4', 'psnr_y', 'PSNR of Y'),
  'inpainting_50': (
    'inpainting, 50 % of the pixels', 'psnr_hole', 'PSNR in the holes',
  ),
  'inpainting_80': (
    'inpainting, 80 % of the pixels', 'psnr_hole', 'PSNR in the holes',
  ),
  'inpainting_blocks': (
    'inpainting, 32-pixel blocks', 'psnr_hole', 'PSNR in the holes',
  ),
  'colourisation': ('colourisation', 'psnr', 'PSNR of RGB'),
}  # fmt: skip


def lines(results: dict, published: dict) -> list[str]:
  """Returns the Markdown table, one row for each task and set."""
  table = [
    '| task | set | best classical | published | **ours** | parameters | steps '
    '| training |',
    '|:--|:--|--:|:--|--:|--:|--:|--:|',
  ]
  for name, (title, metric, measure) in TITLES.items():
    if name not in results:
      continue
    result = results[name]
    for each, rows in result['sets'].items():
      classical, best = max(
        ((row, values[metric]) for row, values in rows.items()
         if row != 'model'),
        key=lambda pair: pair[1],
      )  # fmt: skip
      others = ', '.join(
        f'{other} {values[each]:.2f}'
        for other, values in published.get(name, {}).items()
        if each in values
      )
      table.append(
        f'| {title}, {measure} | {each} | {best:.2f} ({classical}) '
        f'| {others} | **{rows["model"][metric]:.2f}** '
        f'| {result["parameters"]:,} | {result["step"]:,} '
        f'| {result["training_seconds"] / 60:.0f} min |'
      )
  return table


def main() -> None:
  results = json.loads(
    (ROOT / 'benchmarks' / 'results' / 'restoration.json').read_text()
  )
  published = json.loads((ROOT / 'benchmarks' / 'published.json').read_text())
  table = '\n'.join(lines(results, published)) + '\n'
  before, rest = README.read_text().split(BEGIN)
  _, after = rest.split(END)
  README.write_text(before + BEGIN + '\n' + table + '\n' + END + after)
  print(table, end='')


if __name__ == '__main__':
  main()
