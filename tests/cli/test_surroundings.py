"""Environments in which a command still works, or ends in one line."""

import json
import subprocess
import sys

import jax
import pytest

from autoencoder import errors
from autoencoder.evaluation import numbers
from autoencoder.runs import files
from autoencoder.runtime import processors
from autoencoder.training import writer

_PRINTS = """
import sys
from autoencoder.cli import console
console.prepare()
for line in range(3000):
  print('caf\\udce9', line)
print('finished', file=sys.stderr)
"""


def test_a_closed_pipe_and_odd_names_do_not_end_a_command():
  command = [sys.executable, '-X', 'utf8', '-c', _PRINTS]
  pipe = subprocess.PIPE
  with subprocess.Popen(command, stdout=pipe, stderr=pipe) as process:
    assert process.stdout.readline() == b'caf\\udce9 0\n'
    process.stdout.close()
    assert process.stderr.read() == b'finished\n'
  assert process.returncode == 0


def test_a_platform_without_devices_is_one_line(monkeypatch):
  def fail():
    raise AssertionError

  monkeypatch.setattr(jax, 'devices', fail)
  monkeypatch.setenv('JAX_PLATFORMS', 'cuda')
  with pytest.raises(errors.UserError, match='JAX_PLATFORMS=cuda'):
    processors.start()


def test_the_command_line_computes_with_32_bits():
  jax.config.update('jax_enable_x64', True)
  try:
    processors.start()
    assert not jax.config.jax_enable_x64
  finally:
    jax.config.update('jax_enable_x64', False)


def test_reports_escape_names_that_are_not_unicode():
  assert files.encode('caf\udce9 ä') == b'caf\\udce9 ' + 'ä'.encode()
  text = json.dumps({'name': 'caf\udce9'}, ensure_ascii=False)
  assert json.loads(files.encode(text)) == {'name': 'caf\udce9'}


def test_json_has_null_for_numbers_that_are_not_finite(tmp_path):
  values = {'a': [float('nan'), 1.0], 'b': (float('inf'), 'x')}
  assert numbers._finite(values) == {'a': [None, 1.0], 'b': [None, 'x']}
  with writer.MetricWriter(tmp_path, first_step=0) as metrics:
    metrics.write(1, {'loss': 0.5, 'test_iou': float('nan')})
  (line,) = (tmp_path / 'metrics.jsonl').read_text().splitlines()
  assert json.loads(line) == {'step': 1, 'loss': 0.5, 'test_iou': None}
