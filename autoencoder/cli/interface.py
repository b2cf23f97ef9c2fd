"""The command line as data: every mode and every flag, one entry each.

The flags that absl parses, the checks, the dispatch and the help page are all
derived from these two tables. This module imports nothing heavy.
"""

import dataclasses
import importlib
from typing import Any

from autoencoder import config as config_lib
from autoencoder.config import options


@dataclasses.dataclass(frozen=True)
class Mode:
  """A value of `--mode`.

  Attributes:
    name: the value.
    help: what the mode does, for the help page.
    function: 'module:name' of the function that takes a `Request` and returns
      the exit code. It is imported when the mode runs.
    roles: the roles of options that have an effect in this mode.
    reads_pictures: whether it works on a person's files: then only the options
      that the task applies to pictures have an effect.
    trains: whether it can start a run. Other modes need one that exists.
    writes_to_run: whether its results go into the run directory by default.
  """

  name: str
  help: str
  function: str
  roles: tuple[str, ...]
  reads_pictures: bool = False
  trains: bool = False
  writes_to_run: bool = False

  def run(self, request: Any) -> int:
    """Runs the mode; returns the exit code."""
    module, name = self.function.split(':')
    return getattr(importlib.import_module(module), name)(request)


@dataclasses.dataclass(frozen=True)
class Flag:
  """A flag.

  Attributes:
    name: without '--'.
    help: what it does, for the help page.
    placeholder: what the help page shows as its value; empty for a switch.
    modes: the modes in which it has a meaning; empty means all.
    default: its value if it is not given.
    kind: type of its value: str, int, float or bool.
    is_path: whether its value is a path, in which `~` is expanded.
    hint: a sentence for a person who gives it in a mode without a meaning.
  """

  name: str
  help: str
  placeholder: str = ''
  modes: tuple[str, ...] = ()
  default: Any = None
  kind: type = str
  is_path: bool = False
  hint: str = ''


_FILES = 'autoencoder.cli.file_modes'

MODES = {
  mode.name: mode
  for mode in (
    Mode(
      'train',
      'Trains a model or continues a run, measures it on held-out images and '
      'writes a report. The default.',
      'autoencoder.cli.modes:train',
      roles=(options.TRAINING, options.MEASURING, options.APPLYING),
      trains=True,
      writes_to_run=True,
    ),
    Mode(
      'evaluate',
      'Measures a trained model on --data.',
      'autoencoder.cli.modes:evaluate',
      roles=(options.MEASURING, options.EVALUATING),
      writes_to_run=True,
    ),
    Mode(
      'inspect',
      'Writes a page that shows the inside of a trained model: features, '
      'receptive fields, latent.',
      'autoencoder.cli.modes:inspect',
      roles=(options.MEASURING,),
      writes_to_run=True,
    ),
    Mode(
      'apply',
      'Runs a trained model on your pictures in --input.',
      f'{_FILES}:apply',
      roles=(options.APPLYING,),
      reads_pictures=True,
    ),
    Mode(
      'compress',
      'Compresses your pictures in --input to .cae files.',
      f'{_FILES}:compress',
      roles=(options.APPLYING,),
      reads_pictures=True,
    ),
    Mode(
      'decompress',
      'Decompresses .cae files in --input to PNG files.',
      f'{_FILES}:decompress',
      roles=(options.APPLYING,),
      reads_pictures=True,
    ),
  )
}

_PICTURES = tuple(m.name for m in MODES.values() if m.reads_pictures)

FLAGS = {
  flag.name: flag
  for flag in (
    Flag(
      'config',
      'Experiment file, such as experiments/denoising.py. A variant follows a '
      'colon. Needed to start a run; later the run is found by --workdir.',
      'FILE[:VARIANT]',
    ),
    Flag('mode', 'What to do: one of the modes above.', 'MODE', (), 'train'),
    Flag(
      'workdir',
      'Directory of the run: checkpoints, metrics, report. A model that comes '
      'with the package is pretrained:NAME. Default: runs/EXPERIMENT.',
      'FOLDER',
    ),
    Flag(
      'data',
      "Data to measure or inspect. Default: the run's held-out data. "
      'folder:PATH, sample_photos, scenes (with labels) or a TFDS name.',
      'SOURCE',
      ('evaluate', 'inspect'),
      hint='Training data is --config.data.source.',
    ),
    Flag(
      'input',
      'A picture or a folder of pictures; for decompress a .cae file or a '
      'folder of them.',
      'PATH',
      _PICTURES,
      is_path=True,
    ),
    Flag(
      'output',
      'Folder for the results. Needed by apply, compress and decompress. '
      'Default otherwise: WORKDIR/evaluation for evaluate, WORKDIR for '
      'inspect.',
      'FOLDER',
      ('evaluate', 'inspect', *_PICTURES),
      is_path=True,
    ),
    Flag(
      'mask',
      'For inpainting: a picture that is white in the holes, or a folder of '
      'such pictures, named like the inputs. Default: transparent pixels are '
      'holes.',
      'PATH',
      ('apply',),
      is_path=True,
    ),
    Flag(
      'strength',
      'How much of the restoration to take, from 0 (the input) to 1.5. More '
      'than 1 smooths further, less leaves some grain. Default: 1.',
      'NUMBER',
      ('apply',),
      kind=float,
    ),
    Flag(
      'stretch',
      'Brightens 16-bit pictures that use only the lower 12 bits or fewer to '
      'the full range.',
      modes=('apply',),
      default=False,
      kind=bool,
    ),
    Flag(
      'quality',
      'Quality from 1 (smallest files) to 9. Default: the middle. '
      'The file stores it.',
      'NUMBER',
      ('compress',),
      kind=int,
    ),
    Flag(
      'overwrite',
      'Replaces results that exist. Without it they are kept.',
      modes=_PICTURES,
      default=False,
      kind=bool,
    ),
  )
}


def modes_of(option: config_lib.Option) -> list[str]:
  """Returns the names of the modes in which an option has an effect.

  An option without roles is one of a task. Whether modes that read a person's
  pictures use it depends on `Task.applied`; here it counts as unused.
  """
  if option.roles is None:
    return [mode.name for mode in MODES.values() if not mode.reads_pictures]
  roles = set(option.roles)
  return [mode.name for mode in MODES.values() if roles & set(mode.roles)]
