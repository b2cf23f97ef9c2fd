"""The modes of `launch.py`: what trains and measures is here."""

import dataclasses
import pathlib
from typing import Any

from autoencoder import config as config_lib
from autoencoder import data
from autoencoder import errors
from autoencoder import evaluation
from autoencoder import inference
from autoencoder import inspection
from autoencoder import models
from autoencoder import photos
from autoencoder.cli import file_modes
from autoencoder.cli import request as request_lib
from autoencoder.config import options
from autoencoder.runs import checkpoint as checkpoint_lib
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import provenance
from autoencoder.runs import workdir as workdir_lib

REPORT_FILE = evaluation.report.FILE
EVALUATION_FOLDER = 'evaluation'


def train(request: request_lib.Request) -> int:
  """Trains (or continues), measures, reports; returns the exit code."""
  from autoencoder.training import loop
  from autoencoder.training import setup

  workdir, config = request.workdir, request.config
  made_by = provenance.describe()
  if workdir_lib.exists(workdir):
    config = workdir_lib.check_continuation(workdir, config, request.experiment)
    if workdir_lib.has_changed(workdir, request.experiment):
      print(
        f'NOTE: {request.experiment} is not as it was when this run began. If '
        'it means something else now, give it another --workdir.'
      )
    step = checkpoint_lib.newest_step(workdir)
    if config.train.steps < step:
      raise errors.UserError(
        f'The run in {workdir} has {step:,} steps already; '
        f'--config.train.steps={config.train.steps} would go back.'
      )
    record = workdir_lib.read_record(workdir)
    if config.train.steps == step:  # Who trained it stays.
      made_by = {name: record.get(name) for name in made_by}
    report = workdir / REPORT_FILE
    if (
      record.get('reported') == config.train.steps
      and report.is_file()
      and _measured_alike(record['config'], config)
    ):
      print(
        f'The run in {workdir} is complete: {config.train.steps:,} steps. '
        f'Raise --config.train.steps to continue it.\n'
        f'Report: {report}'
      )
      return 0
  print(f'Experiment: {request.experiment}, in {workdir}')
  training = setup.set_up(config, request.task)
  config = training.config
  workdir_lib.save(
    workdir,
    request.experiment,
    request.argument,
    config,
    **made_by,
  )
  print(f'Data: {config.data.source}, {training.batches.describe()}')
  for note in [*training.notes, *training.batches.notes]:
    print(f'      {note}')
  print(
    f'Model: {training.parameters:,} parameters, '
    f'{config.model.in_channels} channels in, {config.model.out_channels} out'
  )
  print(f'Devices: {provenance.devices()}, through {config.parallel}')
  print(
    f'Training: {config.train.steps:,} steps of {config.train.batch_size} '
    f'crops, {config.data.crop} x {config.data.crop} pixels',
    flush=True,
  )
  known = list(training.batches.notes)
  result = loop.train(training, workdir)
  for note in training.batches.notes:  # A stream finds out as it goes.
    if note not in known:
      print(f'Data: {note}')
  if result.signal is not None:
    print(
      f'Stopped by {result.signal.name} after step {result.step:,}, which is '
      'saved. The same command continues from there.'
    )
    return 128 + result.signal
  workdir_lib.update_record(workdir, training_seconds=result.seconds)
  print(
    f'Trained {result.step:,} steps in {_duration(result.seconds)}. Measuring '
    'on held-out images.',
    flush=True,
  )
  return _report(request, config)


def _measured_alike(saved: dict[str, Any], config: config_lib.Config) -> bool:
  """Whether a report made with the options `saved` holds for `config`."""
  # Options that did not exist when the run began have their defaults.
  saved = config_lib.flatten(type(config)()) | saved
  return all(
    saved.get(name) == option.value
    for name, option in config_lib.describe(config).items()
    if option.resumable and options.MEASURING in (option.roles or ())
  )


def _duration(seconds: float) -> str:
  minutes, seconds = divmod(round(seconds), 60)
  return f'{minutes} min {seconds} s' if minutes else f'{seconds} s'


def _report(request: request_lib.Request, config: config_lib.Config) -> int:
  """Measures on the held-out images and writes the report."""
  results, info, _ = _measure(request, config)
  info['defaults'] = request.defaults
  if request.defaults is None:
    module = experiment_lib.load(request.experiment)
    defaults = experiment_lib.get_config(module, None)
    info['defaults'] = config_lib.flatten(defaults)
  report = evaluation.write_report(request.workdir, results, info)
  # Last of all, so that a run killed before this measures again.
  workdir_lib.update_record(request.workdir, reported=config.train.steps)
  print(f'Report: {report}')
  return 1 if results.facts.get('failed') else 0


def evaluate(request: request_lib.Request) -> int:
  """Measures a trained model; returns the exit code."""
  results, info, numbers = _measure(
    request, request.config, changed=request.overrides
  )
  page = evaluation.write_page(numbers.with_suffix('.html'), results, info)
  print(f'Report: {page}')
  return 1 if results.facts.get('failed') else 0


def _measure(
  request: request_lib.Request,
  config: config_lib.Config,
  changed: dict[str, Any] | None = None,
):
  """Evaluates, prints the table and writes the numbers.

  Args:
    request: what the flags ask for.
    config: every option.
    changed: options other than the run's, which the file is named after, so
      that it does not pass for the run's own numbers.

  Returns:
    The results, what is known about how they came about, and the file of
    the numbers.
  """
  # Whatever is wrong with the flags is better known before than after.
  source = _open_source(request, config)
  root = getattr(source, 'root', None)  # Folders have one.
  root = root and str(root.resolve())
  folder = pathlib.Path(request.output or request.workdir / EVALUATION_FOLDER)
  photos.make_writable(folder)
  name = numbers_name(source.name, changed or {})
  path = evaluation.numbers_path(folder, name, root)
  if path.is_dir():
    raise errors.UserError(
      f'The numbers belong into {path}, which is a folder.'
    )
  model, step = checkpoint_lib.load_step(request.workdir)
  measured = config.for_evaluation()
  protocol = _task_options(measured)
  # Where it is trained on more than it is measured on.
  if request.task.measure is None and protocol != _task_options(config):
    print(f'Measuring with {evaluation.in_words(protocol)}.')
  if request.task.measure is not None:
    if config.evaluation.self_ensemble:
      raise errors.UserError(
        'evaluation.self_ensemble is for models whose answer is measured; '
        f'{request.experiment or request.workdir} measures something else.'
      )
    results = request.task.measure(model, measured, source)
  else:
    predict = inference.make_predictor(model, tile=config.evaluation.tile)
    if config.evaluation.self_ensemble:
      predict = inference.self_ensemble(predict)
      print('Self-ensemble: the model answers with the mean over eight views.')
    results = evaluation.evaluate(predict, request.task, measured, source)
  record = workdir_lib.read_record(request.workdir)
  info = {
    'task': pathlib.Path(record['experiment']).stem.replace('_', ' '),
    'experiment': record['experiment'],
    'step': step,
    'parameters': models.count_parameters(model),
    'training_seconds': record.get('training_seconds'),
    'training_command': record.get('command'),
    'training_commit': record.get('commit'),
    'training_machine': record.get('machine'),
    'folder': root,
    'config': config_lib.flatten(config),
    'measured_with': protocol,
    **provenance.describe(),
  }
  print(evaluation.table(results))
  evaluation.write_json(results, path, info)
  print(f'Numbers: {path}')
  return results, info, path


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
  """Returns what an experiment adds to the options, but for its loss."""
  common = {field.name for field in dataclasses.fields(config_lib.Config)}
  return {
    name: value
    for name, value in config_lib.flatten(config).items()
    if name.split('.')[0] not in common and name != 'loss'
  }


def _open_source(
  request: request_lib.Request, config: config_lib.Config, labelled: bool = True
):
  """Opens `--data`, or else the held-out data of the run."""
  return data.open_source(
    request.data or config.data.test_source or config.data.source,
    'test',
    channels=config.data.channels,
    labels=data.label_format(config.data) if labelled else None,
  )


def inspect(request: request_lib.Request) -> int:
  """Shows the inside of a trained model; returns the exit code."""
  folder = pathlib.Path(request.output or request.workdir)
  model, step = checkpoint_lib.load_step(request.workdir)
  inspection.check(model)  # Before anything is made or waited for.
  photos.make_writable(folder)
  try:
    source = _open_source(request, request.config)
  except data.NoLabels:  # Nor are they looked at.
    source = _open_source(request, request.config, labelled=False)
  found = inspection.look(
    model,
    request.task,
    request.config.for_evaluation(),
    source,
    progress=lambda line: print(f'{line} ...', flush=True),
  )
  record = workdir_lib.read_record(request.workdir)
  info = {
    'task': pathlib.Path(record['experiment']).stem.replace('_', ' '),
    'data': source.name,
    'step': step,
    **provenance.describe(),
  }
  print(f'Inside: {inspection.write_page(folder, found, info)}')
  return 0


MODES = {
  'train': train,
  'evaluate': evaluate,
  'inspect': inspect,
  'apply': file_modes.apply,
  'compress': file_modes.compress,
  'decompress': file_modes.decompress,
}
