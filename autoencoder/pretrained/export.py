r"""Exports a run as a pretrained model of the package.

    python -m autoencoder.pretrained.export --workdir=runs/denoising \
        --name=denoising \
        --evaluation=runs/denoising/evaluation/sample_photos.json

The folder of the model has the averaged weights in half precision, the options,
the experiment file, and a card with the numbers of the given evaluations. These
numbers are those of the run: evaluate the exported model to check them
(`--mode=evaluate --workdir=pretrained:NAME`).
"""

from collections.abc import Sequence
import json
import pathlib
import shutil
import sys
from typing import Any

from absl import app
from absl import flags
from absl import logging

from autoencoder import codec
from autoencoder import config as config_lib
from autoencoder import data
from autoencoder import errors
from autoencoder import evaluation
from autoencoder import models
from autoencoder import pretrained
from autoencoder.runs import checkpoint
from autoencoder.runs import weights
from autoencoder.runs import workdir as workdir_lib


def export(
  workdir: pathlib.Path, target: pathlib.Path, evaluations: Sequence[str]
) -> None:
  """Writes the folder of a pretrained model.

  Args:
    workdir: directory of a finished run.
    target: folder to write. Existing files of the same names are replaced.
    evaluations: JSON files that `--mode=evaluate` wrote.

  Raises:
    UserError: there is no run, or it is not finished.
  """
  model, step = checkpoint.load_step(workdir)
  record = workdir_lib.read_record(workdir)
  if record.get('training_seconds') is None:
    raise errors.UserError(
      f'The run in {workdir} is not finished: train it first.'
    )
  results = {
    pathlib.Path(path).stem: json.loads(pathlib.Path(path).read_text())
    for path in evaluations
  }
  target.mkdir(parents=True, exist_ok=True)
  weights.write(target, model)
  shutil.copyfile(
    workdir / workdir_lib.EXPERIMENT_FILE, target / workdir_lib.EXPERIMENT_FILE
  )
  # The path of the training data means nothing on other machines. The sample
  # photos are available everywhere.
  source = record['config']['data.source']
  if data.is_local(source):
    record['config']['data.source'] = data.without_path(source)
    record['config']['data.test_source'] = config_lib.DataConfig().source
  record = {
    'experiment': f'experiments/{pathlib.Path(record["experiment"]).name}',
    'argument': record['argument'],
    'step': step,
    'parameters': models.count_parameters(model),
    'training_seconds': record.get('training_seconds'),
    'training_data': record['config']['data.source'],
    'initial_weights': record.get('initial_weights'),
    'commit': record.get('commit'),
    'machine': record.get('machine'),
    'config': record['config'],
    'means': {
      name: {row: _numbers(mean) for row, mean in result['mean'].items()}
      for name, result in results.items()
    },
    # The data, the task's options and the crop that the means were measured on.
    'data': {
      name: result.get('data', name) for name, result in results.items()
    },
    'measured_with': {
      name: result.get('measured_with', {}) | _crop(result)
      for name, result in results.items()
    },
    # The numbers of one image, for a quick test of the model.
    'first_images': {
      name: result['images'][0]['model'] for name, result in results.items()
    },
  }
  text = json.dumps(record, indent=2) + '\n'
  (target / workdir_lib.CONFIG_FILE).write_text(text)
  (target / pretrained.CARD_FILE).write_text(card(target.name, record))
  if models.can(model, models.Compressor):
    # The tables of the stored weights.
    stored: Any = checkpoint.load(target)
    codec.TrainedCodec(stored).save_tables(target)


def _crop(result: dict) -> dict[str, int]:
  """Returns the centre crop of an evaluation, empty without one."""
  size = result.get('config', {}).get('evaluation.center_crop')
  return {'center_crop': size} if size else {}


def _numbers(values: dict) -> dict[str, float]:
  """Returns the entries that are numbers, without those for each class."""
  return {name: x for name, x in values.items() if isinstance(x, float)}


def card(name: str, record: dict) -> str:
  """Returns the card of a pretrained model: its recipe, data and numbers.

  Args:
    name: name of the model.
    record: the content of its `config.json`.
  """
  lines = [
    f'# {name}',
    '',
    f'{record["parameters"]:,} parameters, stored in half precision. Trained '
    f'by `{record["experiment"]}` on {record["training_data"]}: '
    f'{record["step"]:,} steps in {record["training_seconds"] / 60:.0f} '
    f'minutes on {record["machine"]}, commit {record["commit"]}; every option '
    'is in `config.json`.',
  ]
  if record.get('initial_weights'):
    lines[-1] += (
      f' The training began with the weights of {record["initial_weights"]} '
      '(`benchmarks/train_from.py`).'
    )
  for source, rows in record['means'].items():
    metrics = list(next(iter(rows.values())))
    means = (
      'all its pixels together'
      if 'miou' in metrics
      else ('mean over its images')
    )
    options = record['measured_with'].get(source, {})
    if any(record['config'].get(k) != value for k, value in options.items()):
      means += f', with {evaluation.in_words(options)}'
    lines += [
      '',
      f'On {record.get("data", {}).get(source, source)}, {means}:',
      '',
    ]
    lines += [f'| | {" | ".join(metrics)} |', '|:--' * (1 + len(metrics)) + '|']
    lines += [
      f'| {row} | {" | ".join(f"{values[m]:.4g}" for m in metrics)} |'
      for row, values in rows.items()
    ]
  return '\n'.join(lines) + '\n'


def main(argv: Sequence[str]) -> None:
  """Exports the run that the flags name."""
  del argv
  logging.set_verbosity(logging.ERROR)  # Orbax logs each of its steps.
  given = flags.FLAGS
  target = pathlib.Path(pretrained.__file__).parent / given.name
  try:
    export(pathlib.Path(given.workdir), target, given.evaluation)
  except errors.UserError as error:
    sys.exit(f'Error: {error}')
  size = sum(path.stat().st_size for path in target.iterdir())
  print(f'{target}: {size / 2**20:.2f} MiB')


if __name__ == '__main__':
  # Not at import: `launch.py` has a flag `workdir` too.
  flags.DEFINE_string('workdir', None, 'Directory of the run.', required=True)
  flags.DEFINE_string(
    'name', None, 'Name of the pretrained model.', required=True
  )
  flags.DEFINE_multi_string(
    'evaluation', [], 'JSON file of an evaluation, for the card. Repeatable.'
  )
  app.run(main)
