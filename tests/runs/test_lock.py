"""One training at a time in a run directory."""

import os
import signal
import subprocess
import sys

import pytest

from autoencoder import errors
from autoencoder.runs import lock

_HOLD = """
import sys, time
from autoencoder.runs import lock
with lock.hold(sys.argv[1]):
  print('held', flush=True)
  time.sleep(60)
"""


def test_a_second_training_is_refused_until_the_first_has_ended(tmp_path):
  command = [sys.executable, '-c', _HOLD, str(tmp_path)]
  with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
    try:
      assert other.stdout.readline() == b'held\n'
      refused = pytest.raises(errors.UserError, match=f'Process {other.pid} ')
      with refused, lock.hold(tmp_path):
        pass
    finally:
      os.kill(other.pid, signal.SIGKILL)
  with lock.hold(tmp_path):  # The file that it left is stale.
    pass
  assert (tmp_path / lock.FILE).read_text() == ''


def test_a_lock_of_another_host_is_mentioned(tmp_path, capsys):
  (tmp_path / lock.FILE).write_text('{"host": "elsewhere", "process": 7}')
  with lock.hold(tmp_path):
    pass
  assert 'Process 7 on elsewhere' in capsys.readouterr().err
