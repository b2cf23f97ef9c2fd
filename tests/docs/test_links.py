"""Links in pages lead somewhere; the modules and files they name exist."""

import json
import pathlib
import pkgutil
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [
  path.relative_to(ROOT).as_posix()
  for pattern in ('*.md', 'docs/*.md', 'docs/*.ipynb')
  for path in sorted(ROOT.glob(pattern))
]
LINK = re.compile(r'\]\(([^()\s]+)\)')
CODE = re.compile(r'```.*?```', re.DOTALL)


def _text(path):
  """Returns the Markdown of a page, without its blocks of code."""
  text = path.read_text()
  if path.suffix == '.ipynb':
    cells = json.loads(text)['cells']
    text = '\n'.join(
      ''.join(cell['source'])
      for cell in cells
      if cell['cell_type'] == 'markdown'
    )
  return CODE.sub('', text)


def _anchors(path):
  """Returns the anchors of a page's headings.

  GitHub changes a heading to lower case and drops punctuation; Jupyter keeps
  both.
  """
  headings = re.findall(r'^#+ (.*)$', _text(path), re.MULTILINE)
  if path.suffix == '.ipynb':
    return {heading.replace(' ', '-') for heading in headings}
  return {
    re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')
    for heading in headings
  }


@pytest.mark.parametrize('page', PAGES)
def test_relative_links_lead_somewhere(page):
  path = ROOT / page
  broken = []
  for link in LINK.findall(_text(path)):
    if re.match(r'\w+:', link):
      continue
    name, _, anchor = link.partition('#')
    target = path.parent / name if name else path
    is_page = target.suffix in ('.md', '.ipynb')
    if not target.exists() or (
      anchor and is_page and anchor not in _anchors(target)
    ):
      broken.append(link)
  assert not broken


@pytest.mark.parametrize('page', PAGES)
def test_modules_and_files_that_a_page_names_exist(page):
  text = (ROOT / page).read_text()
  if page == 'CHANGELOG.md':  # The first column of its table has old names.
    text = re.sub(r'^\| .*? \|', '', text, flags=re.MULTILINE)
  missing = [
    name
    for name in set(re.findall(r'\bautoencoder(?:\.[a-z_]\w+)+\b', text))
    if not _exists(name)
  ] + [
    name
    for name in set(
      re.findall(
        r'\b(?:autoencoder|benchmarks|docs|experiments)/[\w/]+\.py', text
      )
    )
    # The README adds dehazing.py as an example, and NAME.py is a placeholder.
    if not (ROOT / name).exists()
    and not name.endswith(('/dehazing.py', '/NAME.py'))
  ]
  assert not sorted(missing)


def _exists(name):
  """Returns whether `name` is a module, or an attribute of one."""
  try:
    pkgutil.resolve_name(name)
  except (ImportError, AttributeError):
    return False
  return True
