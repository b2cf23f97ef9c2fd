"""Starts a run from the weights of another, instead of from random ones.

    python benchmarks/train_from.py --weights=pretrained:denoising \
        --config=experiments/denoising.py:real --workdir=runs/real \
        data.source=folder:BSD400 train.steps=6000

Writes the run directory with a checkpoint of step 0 that holds the weights of
the other run and a fresh optimiser. The training itself is then the usual
command, with the same options:

    python launch.py --config=experiments/denoising.py:real \
        --workdir=runs/real --config.data.source=folder:BSD400 \
        --config.train.steps=6000
"""

import argparse
import ast
import dataclasses
import pathlib
import sys

ROOT = pathlib.Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from flax import nnx  # noqa: E402
import jax  # noqa: E402

from autoencoder import config as config_lib  # noqa: E402
from autoencoder.runs import checkpoint  # noqa: E402
from autoencoder.runs import experiment as experiment_lib
from autoencoder.runs import provenance  # noqa: E402
from autoencoder.runs import workdir as workdir_lib  # noqa: E402
from autoencoder.training import setup  # noqa: E402


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--weights', required=True, help='run or pretrained:NAME')
  parser.add_argument('--config', required=True, help='PATH or PATH:VARIANT')
  parser.add_argument('--workdir', required=True, type=pathlib.Path)
  parser.add_argument('options', nargs='*', help='such as train.steps=6000')
  arguments = parser.parse_args()
  if workdir_lib.exists(arguments.workdir):
    parser.error(f'{arguments.workdir} holds a run already.')
  path, _, variant = arguments.config.partition(':')
  module = experiment_lib.load(path)
  config = module.get_config(variant)
  for option in arguments.options:
    name, _, value = option.partition('=')
    old = config_lib.get_field(config, name)
    if not isinstance(old, str):
      value = ast.literal_eval(value)
    config_lib.set_field(config, name, value)
  config.validate()
  start(arguments.weights, path, variant, config, module.TASK, arguments)


def start(weights, path, variant, config, task, arguments) -> None:
  """Writes the run directory and its checkpoint of step 0."""
  training = setup.set_up(config, task)
  model = checkpoint.load(weights)
  params = nnx.as_pure(nnx.state(model, nnx.Param))
  shapes = [jax.tree.map(lambda x: x.shape, tree) for tree in
            (params, training.state.params)]  # fmt: skip
  if shapes[0] != shapes[1]:
    raise SystemExit(f'The model of {weights} is not that of this config.')
  averaged = None if training.state.ema is None else params
  state = dataclasses.replace(training.state, params=params, ema=averaged)
  workdir_lib.save(
    arguments.workdir, path, variant, training.config, **provenance.describe()
  )
  workdir_lib.update_record(arguments.workdir, initial_weights=weights)
  with checkpoint.Checkpoints(arguments.workdir) as checkpoints:
    checkpoints.save(0, state.to_items(), seconds=0.0)
  print(f'{arguments.workdir} begins with the weights of {weights}.')


if __name__ == '__main__':
  main()
