"""Flags of `launch.py` and `python -m autoencoder`, and what runs them."""

from absl import app
from absl import flags
from ml_collections import config_flags

from autoencoder.cli import main

config_flags.DEFINE_config_file(
  'config',
  None,
  'Experiment file, one of experiments/*.py; PATH:VARIANT for a variant. '
  'Needed to start a run; every later use finds it in --workdir.',
)
flags.DEFINE_enum(
  'mode',
  'train',
  ['train', 'evaluate', 'inspect', 'apply', 'compress', 'decompress'],
  'train: trains (or continues), measures and reports. evaluate: measures on '
  '--data. inspect: writes a page on what is inside the model. apply: runs it '
  'over the pictures in --input. compress: makes .cae files of them. '
  'decompress: makes PNG files of .cae files.',
)
flags.DEFINE_string(
  'workdir',
  None,
  'Directory of the run: checkpoints, metrics, report. By default '
  'runs/NAME_OF_THE_EXPERIMENT.',
)
flags.DEFINE_string(
  'data',
  None,
  'evaluate, inspect: what on, instead of the held-out data of the run: '
  'folder:PATH, sample_photos, scenes (with labels) or a TFDS name.',
)
flags.DEFINE_string(
  'input',
  None,
  'apply, compress: a picture, or a folder of pictures. decompress: a .cae '
  'file, or a folder of them.',
)
flags.DEFINE_string(
  'output',
  None,
  'apply, compress, decompress: folder for the results. evaluate: folder for '
  'the numbers and their page, instead of WORKDIR/evaluation. inspect: folder '
  'for the page, instead of WORKDIR.',
)
flags.DEFINE_string(
  'mask',
  None,
  'apply, inpainting: a picture that is white in the holes, or a folder of '
  'them, named like the inputs. Without it, what is transparent is a hole.',
)
flags.DEFINE_float(
  'strength',
  None,
  'apply: how much of the restoration to take, 0 (the input) to 1.5. Default: '
  '1. More than 1 smooths further, less leaves some grain.',
)
flags.DEFINE_bool(
  'stretch',
  False,
  'apply: brightens 16-bit pictures of 12 bits or fewer, stored in the lower '
  'bits, to the full range.',
)
flags.DEFINE_integer(
  'quality',
  None,
  'compress: from 1, the smallest files, to as many as the model has, in the '
  'middle by default. Files remember it.',
)
flags.DEFINE_bool(
  'overwrite',
  False,
  'apply, compress, decompress: replaces results that exist already.',
)


def run() -> None:
  """Reads the flags, does what they ask for, and ends the process."""
  app.run(main.main, flags_parser=main.parse)
