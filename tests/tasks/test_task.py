"""The fields of a task, and what it builds by default."""

import dataclasses

from flax import nnx
import numpy as np
import pytest

from autoencoder import config as config_lib
from autoencoder import models
from autoencoder.tasks import task as task_lib


@pytest.fixture
def task():
  """A task with nothing but its required fields."""
  return task_lib.Task(make_example=None, loss=None, metrics=None, picture=None)


def test_fields_are_given_by_name_and_stay(task):
  with pytest.raises(TypeError, match='positional'):
    task_lib.Task(None, None, None, None)
  with pytest.raises(dataclasses.FrozenInstanceError):
    task.keeps_colors = False
  assert task.keeps_colors
  changed = dataclasses.replace(task, keeps_colors=False)
  assert not changed.keeps_colors
  assert changed.finish is task.finish


def test_every_field_belongs_to_one_documented_group():
  groups = task_lib.Task.__mro__[1:-1]
  fields = [f.name for group in groups for f in dataclasses.fields(group)]
  assert sorted(fields) == sorted(
    f.name for f in dataclasses.fields(task_lib.Task)
  )
  for group in groups:
    for field in dataclasses.fields(group):
      assert f'\n    {field.name}: ' in group.__doc__


def test_defaults_are_plain_functions(task):
  example = task_lib.Example(inputs=np.full((1, 2, 2, 3), 1.5), target=None)
  assert task.forward(lambda x: 2 * x, example, None).max() == 3
  assert task.unprocessed(example, None) is example.inputs
  assert task.prepare(example.inputs, None) is example.inputs
  assert task.finish(example.inputs, None, None).max() == 1


def test_only_made_colors_are_colors(task):
  assert not task.makes_colors
  painted = dataclasses.replace(task, keeps_colors=False)
  assert painted.makes_colors
  assert not dataclasses.replace(painted, palette=len).makes_colors


def test_counts_are_summarised_to_numbers_and_the_rest(task):
  values = {'miou': np.float32(0.5), 'per_class': {'sky': 0.5}, 'list': [1]}
  task = dataclasses.replace(task, summarise=lambda counts, config: values)
  numbers, rest = task.summarise_counts({}, None)
  assert numbers == {'miou': 0.5}
  assert rest == {'per_class': {'sky': 0.5}, 'list': [1]}


def test_the_default_model_follows_the_config():
  config = config_lib.Config()
  config.model = config_lib.ModelConfig(
    in_channels=3, out_channels=3, widths=(4, 4)
  )
  model = task_lib.build_autoencoder(config, nnx.Rngs(0))
  assert isinstance(model, models.Autoencoder)
  assert model.stride == 2
