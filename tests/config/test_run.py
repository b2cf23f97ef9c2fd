import dataclasses
import pathlib

import pytest

from autoencoder import config as config_lib


def test_default_is_valid():
  config_lib.Config().validate()


@pytest.mark.parametrize(
  'field, value, words',
  [
    ('model.widths', ('a,b',), 'model.widths takes tuple'),
    ('model.widths', (), 'one positive channel count'),
    ('model.widths', (8, 0), 'one positive channel count'),
    ('model.upsampling', 'cubic', "'nearest', 'bilinear'"),
    ('model.dtype', 'float16', "'float32', 'bfloat16'"),
    ('parallel', 'ddp', "'jit', 'pmap'"),
    ('data.channels', 4, 'data.channels takes 1, 3; got 4'),
    ('train.steps', 0, 'train.steps must be at least 1; got 0'),
    ('train.steps', 1.5, 'train.steps takes int; got 1.5'),
    ('train.learning_rate', float('nan'), 'must be above 0'),
    ('train.weight_decay', float('inf'), 'at least 0 and finite; got inf'),
    ('train.muon_learning_rate', -1.0, 'at least 0 and finite; got -1.0'),
    ('train.ema_decay', 1.0, 'train.ema_decay must be in [0, 1)'),
    ('model.scale', 0, 'model.scale must be at least 1; got 0'),
    ('model.skips', 1, 'model.skips takes bool'),
  ],
)
def test_impossible_values_are_named(field, value, words):
  config = config_lib.Config()
  config_lib.set_field(config, field, value)
  with pytest.raises(ValueError) as error:
    config.validate()
  assert words in str(error.value)


def test_every_option_has_a_comment():
  """The flags are explained by the source; none may lack its line."""
  lines = pathlib.Path(config_lib.run.__file__).read_text().splitlines()
  for cls in (
    config_lib.ModelConfig,
    config_lib.DataConfig,
    config_lib.TrainConfig,
    config_lib.EvaluationConfig,
  ):
    for field in dataclasses.fields(cls):
      row = next(
        i for i, line in enumerate(lines) if line.startswith(f'  {field.name}:')
      )
      before = [line for line in lines[row - 3 : row] if line.strip()]
      assert any('#' in line for line in before), field.name


def test_flatten_and_set_are_inverse():
  config = config_lib.Config()
  config.model.widths = (5, 6)
  copy = config_lib.Config()
  for path, value in config_lib.flatten(config).items():
    config_lib.set_field(copy, path, value)
  assert copy == config


def test_set_field_refuses_unknown_names():
  with pytest.raises(AttributeError):
    config_lib.set_field(config_lib.Config(), 'train.stps', 1)


def test_unknown_variant_lists_the_known():
  with pytest.raises(ValueError, match=':small'):
    config_lib.variant(config_lib.Config(), 'big', {'small': {}})
