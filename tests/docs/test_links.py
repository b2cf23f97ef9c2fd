"""Relative links in Markdown pages and notebooks lead to files and headings."""

import json
import pathlib
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
