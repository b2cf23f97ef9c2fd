"""The record of where a number came from."""

import subprocess

from autoencoder.runs import provenance


def test_uncommitted_changes_are_marked_except_those_of_results(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(
    provenance,
    '__file__',
    str(tmp_path / 'autoencoder' / 'runs' / 'provenance.py'),
  )
  assert provenance.commit() == ''  # Not in a checkout.
  results = tmp_path / 'benchmarks' / 'results'
  results.mkdir(parents=True)
  code, result = tmp_path / 'code.py', results / 'result.json'
  for path in (code, result):
    path.write_text('1')
  author = '-c', 'user.name=a', '-c', 'user.email=a@b'
  for arguments in (['init'], ['add', '.'], [*author, 'commit', '-m', 'x']):
    subprocess.run(
      ['git', *arguments], cwd=tmp_path, check=True, capture_output=True
    )
  clean = provenance.commit()
  assert len(clean) == 12
  result.write_text('2')
  assert provenance.commit() == clean
  code.write_text('2')
  assert provenance.commit() == clean + '-dirty'
  assert provenance.base_commit(provenance.commit()) == clean
  assert provenance.base_commit(clean + '+') == clean  # Of older records.
