"""Jinja templates, styles and scripts, from which pages are rendered."""

from collections.abc import Sequence
import pathlib
from typing import Any

from autoencoder.evaluation import pixels

ASSETS = pathlib.Path(__file__).parent / 'assets'


def environment(
  folders: Sequence[pathlib.Path] = (), *, encoding: dict[str, Any]
) -> Any:
  """Returns the Jinja environment of a page.

  Text is escaped. The filter `data_uri` embeds `[H, W, 3]` uint8 pictures.

  Args:
    folders: searched for templates before the report's own folder.
    encoding: WebP options of embedded pictures: `pixels.LOSSLESS` or
      `pixels.LOSSY`.
  """
  import jinja2

  made = jinja2.Environment(
    loader=jinja2.FileSystemLoader([*folders, ASSETS]),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
  )
  made.filters['data_uri'] = lambda panel: pixels.data_uri(panel, **encoding)
  return made


def read_unescaped(*paths: pathlib.Path) -> Any:
  """Returns asset files, one after the other, as text that is not escaped.

  Only for files of this package: user text has to be escaped.
  """
  import markupsafe

  return markupsafe.Markup('\n'.join(path.read_text() for path in paths))
