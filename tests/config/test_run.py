"""The options of a run: their checks, their descriptions, their names."""

import dataclasses

import pytest

from autoencoder import config as config_lib
from autoencoder import errors
from autoencoder.config import options


def test_default_is_valid():
  config_lib.Config().validate()


@pytest.mark.parametrize(
  'field, value, words',
  [
    ('model.widths', ('a,b',), 'model.widths takes whole numbers'),
    ('model.widths', (), 'one positive channel count'),
    ('model.widths', (8, 0), 'model.widths must be at least 1 each; got 0'),
    ('model.dtype', 'float16', "'float32', 'bfloat16'"),
    ('parallel', 'ddp', "'jit', 'pmap'"),
    ('data.channels', 4, 'data.channels takes 1, 3; got 4'),
    ('data.scale_range', (2.0, 0.5), 'two factors above 0'),
    ('data.scale_range', (0.0, 0.5), 'scale_range must be above 0 and finite'),
    ('train.steps', 0, 'train.steps must be at least 1; got 0'),
    ('train.steps', 1.5, 'train.steps takes a whole number; got 1.5'),
    ('train.learning_rate', float('nan'), 'must be above 0'),
    ('train.weight_decay', float('inf'), 'at least 0 and finite; got inf'),
    ('train.muon_learning_rate', -1.0, 'at least 0 and finite; got -1.0'),
    ('train.ema_decay', 1.0, 'train.ema_decay must be in [0, 1)'),
    ('model.scale', 0, 'model.scale must be at least 1; got 0'),
    ('model.skips', 1, 'model.skips takes True or False; got 1'),
  ],
)
def test_a_wrong_value_is_named_with_the_accepted_ones(field, value, words):
  config = config_lib.Config()
  config_lib.set_field(config, field, value)
  with pytest.raises(errors.UserError) as error:
    config.validate()
  assert words in str(error.value)


def test_every_option_has_help_and_a_role():
  for name, option in config_lib.describe(config_lib.Config()).items():
    assert option.help.endswith('.'), name
    assert option.roles, name


def test_only_harmless_options_may_change_when_a_run_is_resumed():
  described = config_lib.describe(config_lib.Config())
  assert [name for name, option in described.items() if option.resumable] == [
    'parallel',
    'data.test_source',
    'data.resident_mib',
    'data.workers',
    'train.steps',
    'train.log_every',
    'train.evaluate_every',
    'train.checkpoint_every',
    'train.keep',
    'evaluation.max_images',
    'evaluation.report_images',
    'evaluation.center_crop',
    'evaluation.tile',
  ]


@dataclasses.dataclass
class Group:
  """A group of options as an experiment may define it."""

  rate: float = config_lib.option(0.5, help='Of holes.', low=0, high=1)
  kinds: tuple[str, ...] = config_lib.option(
    ('a',), help='Of holes.', choices=('a', 'b'), role=options.TRAINING
  )
  # What `option` would make, for modules that cannot import it.
  side: int = dataclasses.field(default=3, metadata={'help': 'Side.', 'low': 1})

  def validate(self):
    if self.side == 13:
      raise errors.UserError('group.side is unlucky.')


@dataclasses.dataclass
class Mine(config_lib.Config):
  sigma: float = 25.0
  group: Group = dataclasses.field(default_factory=Group)


def test_a_new_group_and_a_plain_field_need_nothing_else():
  described = config_lib.describe(Mine())
  assert described['sigma'].help == '' and described['sigma'].roles is None
  assert not described['sigma'].resumable and described['sigma'].value == 25.0
  assert described['group.kinds'].roles == ('training',)
  assert described['group.rate'].accepted == 'in [0, 1]'
  assert described['group.side'].help == 'Side.'
  Mine().validate()


@pytest.mark.parametrize(
  'field, value, words',
  [
    ('sigma', 'x', "sigma takes a number; got 'x'"),
    ('group.rate', 1.5, r'group.rate must be in \[0, 1\]; got 1.5'),
    ('group.kinds', ('a', 'c'), "takes some of 'a', 'b'; got 'c'"),
    ('group.side', 0, 'group.side must be at least 1'),
    ('group.side', 13, 'unlucky'),
  ],
)
def test_a_new_group_is_checked(field, value, words):
  config = Mine()
  config_lib.set_field(config, field, value)
  with pytest.raises(errors.UserError, match=words):
    config.validate()


def test_an_unknown_role_is_refused():
  with pytest.raises(ValueError, match='role takes some of'):
    config_lib.option(1, help='', role='trainig')


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


def test_an_unknown_variant_lists_the_known_ones():
  with pytest.raises(errors.UserError, match='it has :small'):
    config_lib.variant(config_lib.Config(), 'big', {'small': {}})
