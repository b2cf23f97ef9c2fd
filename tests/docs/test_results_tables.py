"""The tables of README.md and docs/ are the ones that the results give."""

import pathlib

import pytest

from benchmarks import common
from benchmarks import denoising_ablations
from benchmarks import restoration
from benchmarks import results_tables
from benchmarks import segmentation_decoders

ROOT = pathlib.Path(__file__).parents[2]
PAGES = results_tables.pages()


@pytest.mark.parametrize('page', PAGES)
def test_the_tables_of_a_page_are_up_to_date(page):
  text = (ROOT / page).read_text()
  for name, table in PAGES[page].items():
    assert table.count('\n') > 2, name
    section = f'<!-- {name} -->\n\n{table}\n\n<!-- /{name} -->'
    assert section in text, f'{name}: run python benchmarks/results_tables.py'


def test_the_readme_is_short():
  assert len((ROOT / 'README.md').read_text().splitlines()) <= 150


def test_results_have_the_rows_that_their_scripts_make():
  def rows(name):
    result = common.read_json(f'results/{name}.json')
    return set(result.get('rows', result))

  assert rows('restoration') == set(restoration.RUNS)
  ablations = set(denoising_ablations.VARIANTS) | {'self-ensemble'}
  assert rows('denoising_ablations') == ablations
  assert rows('segmentation_decoders') == set(segmentation_decoders.VARIANTS)


def test_figures_in_the_text_of_the_results_are_those_of_the_files():
  text = ' '.join((ROOT / 'docs' / 'results.md').read_text().split())

  def result(name):
    return common.read_json(f'results/{name}.json')

  most, middle, least = sorted(
    (
      image['model']['psnr_ab'] - image['grey']['psnr_ab']
      for image in result('colourisation_sample_photos')['images']
    ),
    reverse=True,
  )
  speed = result('segmentation_speed')
  rates = [
    speed[part]['images_per_second']['ours']
    for part in ('inference', 'training')
  ]
  ratios = [
    speed[part]['times_as_fast_as_torch'] for part in ('inference', 'training')
  ]
  loop = result('training_loop')
  start = loop['startup_seconds']
  cost = 1 - loop['throughput']['loop_share_of_bare']
  for phrase in (
    f'gain {most:+.1f}, {middle:.1f} and {least:.1f} dB',
    f'labels {rates[0]:.0f} images of 480 x 360 pixels per second',
    f'trains on {rates[1]:.1f}.',
    f'{ratios[0]:.2f} and {ratios[1]:.2f} times the speed',
    f'costs {100 * cost:.0f} % over the compiled step',
    f'{start["cold"]["total"]:.0f} s with an empty compilation cache',
    f'{start["warm"]["total"]:.0f} s with a filled one',
  ):
    assert phrase in text
