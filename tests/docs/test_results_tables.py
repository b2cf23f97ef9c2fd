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
