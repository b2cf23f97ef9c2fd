"""Measures a trained model on held-out data and writes the numbers."""

import dataclasses
import pathlib
from typing import Any
from typing import NamedTuple

from autoencoder import config as config_lib
from autoencoder import data
from autoencoder import errors
from autoencoder import evaluation
from autoencoder import inference
from autoencoder import models
from autoencoder import photos
from autoencoder.cli import request as request_lib
from autoencoder.runs import checkpoint as checkpoint_lib
from autoencoder.runs import provenance
from autoencoder.runs import workdir as workdir_lib

EVALUATION_FOLDER = 'evaluation'


class Measured(NamedTuple):
  """A measurement.

  Attributes:
    results: the numbers and pictures.
    info: how they were obtained, for the report.
    path: the JSON file of the numbers.
  """

  results: evaluation.Results
  info: dict[str, Any]
  path: pathlib.Path


def measure(
  request: request_lib.Request,
  config: config_lib.Config,
  changed: dict[str, Any] | None = None,
) -> Measured:
  """Measures the model, prints the table and writes the numbers.

  Args:
    request: what the flags ask for.
    config: every option.
    changed: options that differ from those of the run. They become part of the
      file name, so that the numbers are not mistaken for those of the run.

  Raises:
    UserError: the data or the output folder cannot be used, or the experiment
      cannot be measured with these options.
  """
  # Problems with the flags are reported before the model is loaded.
  source = open_source(request, config)
  root = getattr(source, 'root', None)  # Only folders have one.
  folder_read = str(root.resolve()) if root else None
  folder = pathlib.Path(request.output or request.workdir / EVALUATION_FOLDER)
  photos.make_writable(folder)
  name = numbers_name(source.name, changed or {})
  path = evaluation.numbers_path(folder, name, folder_read)
  if path.is_dir():
    raise errors.UserError(
      f'The numbers would be written to {path}, which is a folder: remove it '
      'or give another --output.'
    )
  model, step = checkpoint_lib.load_step(request.workdir)
  measured = config.for_evaluation()
  task_options = _task_options(measured)
  # Some tasks train on a range of options and are measured with one of them.
  if request.task.measure is None and task_options != _task_options(config):
    print(f'Measuring with {evaluation.in_words(task_options)}.')
  results = _evaluate(model, request, measured, source)
  record = workdir_lib.read_record(request.workdir)
  info = {
    'task': task_name(record),
    'experiment': record['experiment'],
    'step': step,
    'parameters': models.count_parameters(model),
    'training_seconds': record.get('training_seconds'),
    'training_command': record.get('command'),
    'training_commit': record.get('commit'),
    'training_machine': record.get('machine'),
    'folder': folder_read,
    'config': config_lib.flatten(config),
    'measured_with': task_options,
    **provenance.describe(),
  }
  print(evaluation.table(results))
  evaluation.write_json(results, path, info)
  print(f'Numbers: {path}')
  return Measured(results, info, path)


def _evaluate(
  model: Any,
  request: request_lib.Request,
  config: config_lib.Config,
  source: data.Source,
) -> evaluation.Results:
  """Returns the results of the task's own measurement or the general one."""
  ensemble = config.evaluation.self_ensemble
  if request.task.measure is not None:
    if ensemble:
      raise errors.UserError(
        'evaluation.self_ensemble averages the outputs of a model, and '
        f'{request.experiment or request.workdir} does not measure those: '
        'leave it out.'
      )
    return request.task.measure(model, config, source)
  predictor = inference.make_predictor(model, tile=config.evaluation.tile)
  predict = inference.self_ensemble(predictor) if ensemble else predictor
  if ensemble:
    print('Self-ensemble: outputs are averaged over 8 flips and rotations.')
  return evaluation.evaluate(predict, request.task, config, source)


def task_name(record: dict[str, Any]) -> str:
  """Returns the name of a run's task, such as 'super resolution'."""
  return pathlib.Path(record['experiment']).stem.replace('_', ' ')


def numbers_name(source: str, changed: dict[str, Any]) -> str:
  """Returns the name of a file of numbers, without its suffix.

  Example:

    >>> numbers_name('test', {'mask.kinds': ('blocks',), 'mask.rate': 0.8})
    'test-kinds-blocks-rate-0.8'
  """
  parts = [source]
  for option, value in sorted(changed.items()):
    option = option.split('.')[-1]
    words = evaluation.in_words({option: value}) or option
    parts.append(words.replace('=', '-'))
  return data.file_safe('-'.join(parts))


def _task_options(config: config_lib.Config) -> dict[str, Any]:
  """Returns the options that an experiment adds, except its loss."""
  common = {field.name for field in dataclasses.fields(config_lib.Config)}
  return {
    name: value
    for name, value in config_lib.flatten(config).items()
    if name.split('.')[0] not in common and name != 'loss'
  }


def open_source(
  request: request_lib.Request, config: config_lib.Config, labelled: bool = True
) -> data.Source:
  """Opens `--data`, or the held-out data of the run.

  Args:
    request: what the flags ask for.
    config: every option.
    labelled: whether the labels are needed, if the task has labels.
  """
  return data.open_source(
    request.data or config.data.test_source or config.data.source,
    'test',
    channels=config.data.channels,
    labels=data.label_format(config.data) if labelled else None,
  )
