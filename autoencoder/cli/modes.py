"""The modes of `launch.py` that train, measure and inspect."""

import pathlib
from typing import Any

from autoencoder import config as config_lib
from autoencoder import data
from autoencoder import errors
from autoencoder import evaluation
from autoencoder import inspection
from autoencoder import photos
from autoencoder.cli import measuring
from autoencoder.cli import request as request_lib
from autoencoder.config import options
from autoencoder.runs import checkpoint as checkpoint_lib
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import lock
from autoencoder.runs import provenance
from autoencoder.runs import workdir as workdir_lib

REPORT_FILE = evaluation.report.FILE
EVALUATION_FOLDER = measuring.EVALUATION_FOLDER


def train(request: request_lib.Request) -> int:
  """Trains or resumes a run, measures it and writes the report.

  Returns:
    The exit code: 0; 1 if some images could not be measured; 128 + signal if a
    signal stopped the training.

  Raises:
    UserError: the options do not fit the data, or the run in `--workdir`.
  """
  with lock.hold(request.workdir):
    return _train(request)


def _train(request: request_lib.Request) -> int:
  """Does what `train` describes, with the run directory locked."""
  from autoencoder.training import loop
  from autoencoder.training import setup

  workdir, config = request.workdir, request.config
  made_by = provenance.describe()
  if workdir_lib.exists(workdir):
    config = _check_resumable(request)
    record = workdir_lib.read_record(workdir)
    if checkpoint_lib.newest_step(workdir) == config.train.steps:
      # Nothing will be trained, so the run keeps its provenance.
      made_by = {name: record.get(name) for name in made_by}
    if _is_complete(workdir, record, config):
      print(
        f'The run in {workdir} is complete: {config.train.steps:,} steps. '
        f'Raise --config.train.steps to continue it.\n'
        f'Report: {workdir / REPORT_FILE}'
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
  _describe(training)
  known = list(training.batches.notes)
  result = loop.train(training, workdir)
  for note in training.batches.notes:  # Streamed data adds notes later.
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


def _check_resumable(request: request_lib.Request) -> config_lib.Config:
  """Returns the configuration to continue the run in `--workdir` with."""
  workdir = request.workdir
  config = workdir_lib.check_continuation(
    workdir, request.config, request.experiment
  )
  if workdir_lib.has_changed(workdir, request.experiment):
    print(
      f'NOTE: {request.experiment} has changed since this run started. If its '
      'results would differ, use another --workdir.'
    )
  step = checkpoint_lib.newest_step(workdir)
  if config.train.steps < step:
    raise errors.UserError(
      f'The run in {workdir} has {step:,} steps already, more than '
      f'--config.train.steps={config.train.steps}: raise it, or use another '
      '--workdir.'
    )
  return config


def _is_complete(
  workdir: pathlib.Path, record: dict[str, Any], config: config_lib.Config
) -> bool:
  """Whether the run is trained and has a report made with these options."""
  return (
    record.get('reported') == config.train.steps
    and (workdir / REPORT_FILE).is_file()
    and _measured_alike(record['config'], config)
  )


def _measured_alike(saved: dict[str, Any], config: config_lib.Config) -> bool:
  """Whether a report made with the options `saved` holds for `config`."""
  # Options that did not exist when the run began have their defaults.
  saved = config_lib.flatten(type(config)()) | saved
  return all(
    saved.get(name) == option.value
    for name, option in config_lib.describe(config).items()
    if option.resumable and options.MEASURING in (option.roles or ())
  )


def _describe(training: Any) -> None:
  """Prints data, model, devices and length of a training run."""
  config = training.config
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


def _duration(seconds: float) -> str:
  """Returns a duration in words, such as '3 min 20 s'."""
  minutes, rest = divmod(round(seconds), 60)
  return f'{minutes} min {rest} s' if minutes else f'{rest} s'


def _report(request: request_lib.Request, config: config_lib.Config) -> int:
  """Measures on the held-out images and writes the report."""
  results, info, _ = measuring.measure(request, config)
  info['defaults'] = request.defaults
  if request.defaults is None:
    module = experiment_lib.load(request.experiment)
    defaults = experiment_lib.get_config(module, None)
    info['defaults'] = config_lib.flatten(defaults)
  report = evaluation.write_report(request.workdir, results, info)
  # Recorded last: a run killed before this is measured again.
  workdir_lib.update_record(request.workdir, reported=config.train.steps)
  print(f'Report: {report}')
  return 1 if results.facts.get('failed') else 0


def evaluate(request: request_lib.Request) -> int:
  """Measures a trained model; returns the exit code.

  The code is 1 if some images could not be measured.
  """
  results, info, numbers = measuring.measure(
    request, request.config, changed=request.overrides
  )
  page = evaluation.write_page(numbers.with_suffix('.html'), results, info)
  print(f'Report: {page}')
  return 1 if results.facts.get('failed') else 0


def inspect(request: request_lib.Request) -> int:
  """Writes a page about the inside of a trained model; returns 0."""
  folder = pathlib.Path(request.output or request.workdir)
  model, step = checkpoint_lib.load_step(request.workdir)
  inspection.check(model)  # Before anything slow or written.
  photos.make_writable(folder)
  try:
    source = measuring.open_source(request, request.config)
  except data.NoLabels:  # The page does not need labels.
    source = measuring.open_source(request, request.config, labelled=False)
  found = inspection.look(
    model,
    request.task,
    request.config.for_evaluation(),
    source,
    progress=lambda line: print(f'{line} ...', flush=True),
  )
  info = {
    'task': measuring.task_name(workdir_lib.read_record(request.workdir)),
    'data': source.name,
    'step': step,
    **provenance.describe(),
  }
  print(f'Inside: {inspection.write_page(folder, found, info)}')
  return 0
