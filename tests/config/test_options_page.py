"""docs/options.md says what the code says."""

import pathlib
import runpy

ROOT = pathlib.Path(__file__).parents[2]


def test_the_page_of_options_is_up_to_date():
  script = runpy.run_path(str(ROOT / 'docs' / 'options.py'))
  assert script['PAGE'].read_text() == script['page'](), (
    'Run python docs/options.py and commit docs/options.md.'
  )
