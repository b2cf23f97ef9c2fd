"""The metrics of a run, `metrics.jsonl`: one JSON object per logged step."""

import json
import math
import os
import pathlib
from typing import Any

FILE_NAME = 'metrics.jsonl'


def read(workdir: str | os.PathLike) -> list[dict[str, Any]]:
  """Returns the logged objects in their order; [] if there is no log.

  Lines that are no object with a finite `step` are skipped, such as the last
  line of a run that was killed while writing it.
  """
  path = pathlib.Path(workdir) / FILE_NAME
  if not path.is_file():
    return []
  lines = []
  for text in path.read_text(errors='replace').splitlines():
    try:
      line = json.loads(text)
    except ValueError:
      continue
    if isinstance(line, dict) and _is_finite(line.get('step')):
      lines.append(line)
  return lines


def _is_finite(value: Any) -> bool:
  return (
    isinstance(value, int | float)
    and not isinstance(value, bool)
    and math.isfinite(value)
  )
