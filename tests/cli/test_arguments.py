"""How the arguments of a command are understood."""

import pathlib

import pytest

from autoencoder.cli import chosen
from autoencoder.cli import interface
from autoencoder.cli import request
from autoencoder.runs import packaged
from autoencoder.runtime import paths


@pytest.mark.parametrize(
  'arguments,kept',
  [
    (['--config.w=1,2', '--config.w=3'], ['--config.w=3']),
    (
      ['--config.w', '1,2', '--mode=train', '--config.w=3'],
      ['--mode=train', '--config.w=3'],
    ),
    (['--config.w=1', '-config.w', '2,3'], ['-config.w', '2,3']),
    (['--config.n=1', '--config.n=2'], ['--config.n=1', '--config.n=2']),
  ],
)
def test_the_last_value_of_a_repeated_tuple_counts(arguments, kept):
  assert chosen.without_repeated(arguments, ['w']) == kept


def test_home_is_expanded_in_all_paths(monkeypatch, tmp_path):
  monkeypatch.setenv('HOME', str(tmp_path))
  assert packaged.resolve('~/run') == tmp_path / 'run'
  assert chosen.split('~/x.py:grey') == (str(tmp_path / 'x.py'), 'grey')
  assert chosen._folder('~/run', 'train', None) == tmp_path / 'run'
  for name in ('input', 'output', 'mask'):
    value = request._value(interface.FLAGS[name], '~/a')
    assert value == str(tmp_path / 'a')
  assert paths.expand('~nobody-here/a') == pathlib.Path('~nobody-here/a')
