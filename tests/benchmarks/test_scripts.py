"""Every script of `benchmarks/` can be imported and explains its flags."""

import pathlib
import subprocess
import sys

import pytest

from benchmarks import common

SCRIPTS = sorted((common.ROOT / 'benchmarks').glob('*.py'))

# Runs every script that has flags with --help, and imports the others, all in
# one process: imports take most of the time. The flags of one absl script must
# not meet those of the next.
SHOW_HELP = """
import contextlib, io, pathlib, runpy, sys
from absl import app, flags, logging
app.define_help_flags()
for path in sys.argv[1:]:
  source = pathlib.Path(path).read_text()
  has_flags = any(s in source for s in ('app.run(', '.parse_args()'))
  sys.argv = [path, '--help']
  text = io.StringIO()
  known = set(flags.FLAGS)
  with contextlib.suppress(SystemExit), contextlib.redirect_stdout(text):
    runpy.run_path(path, run_name='__main__' if has_flags else 'imported')
  for name in set(flags.FLAGS) - known:
    delattr(flags.FLAGS, name)
  flags.FLAGS.unparse_flags()
  if has_flags and len(text.getvalue()) < 100:
    sys.exit(f'{path} does not explain its flags: {text.getvalue()}')
"""


def test_every_script_explains_its_flags():
  assert len(SCRIPTS) > 10
  result = subprocess.run(
    [sys.executable, '-c', SHOW_HELP, *map(str, SCRIPTS)],
    cwd=common.ROOT,
    capture_output=True,
    text=True,
  )
  assert not result.returncode, result.stderr


@pytest.mark.parametrize(
  'output, words',
  [
    ('missing/results.json', 'does not exist; create it first'),
    ('.', 'cannot be written; give the name of a JSON file'),
  ],
)
def test_a_wrong_output_is_reported_at_the_start(
  tmp_path, capsys, output, words
):
  parser = common.make_parser('Measures.', results='none')
  with pytest.raises(SystemExit):
    parser.parse_args([f'--output={tmp_path / output}'])
  assert words in capsys.readouterr().err


def test_a_missing_data_folder_is_reported_at_the_start(tmp_path, capsys):
  (tmp_path / 'Set5').mkdir()
  parser = common.make_parser('Measures.')
  with pytest.raises(SystemExit):
    common.require_folders(parser, tmp_path, ['Set5', 'Set14'])
  assert 'has no folder Set14; it must hold Set14, Set5' in (
    capsys.readouterr().err
  )


def test_sections_are_replaced_between_their_markers(tmp_path):
  page = tmp_path / 'page.md'
  page.write_text('a\n\n<!-- x -->\n\nold\n\n<!-- /x -->\n\nb\n')
  for _ in range(2):
    common.fill(page, {'x': 'new'})
    expected = 'a\n\n<!-- x -->\n\nnew\n\n<!-- /x -->\n\nb\n'
    assert page.read_text() == expected
  with pytest.raises(ValueError, match='<!-- y -->'):
    common.fill(page, {'y': 'new'})


def test_results_are_named_by_their_default(tmp_path):
  options = common.make_parser('Measures.', results='kill_test').parse_args([])
  assert options.output == common.RESULTS / 'kill_test.json'
  path = pathlib.Path(tmp_path / 'numbers.json')
  common.write_json(path, {'a': 1})
  assert common.read_json(path) == {'a': 1}
