"""Images that cannot be measured are left out and named."""

import dataclasses

import jax
import numpy as np
import pytest

from autoencoder import evaluation


def run(predict, task, config, source):
  return evaluation.evaluate(predict, task, config, source, progress=False)


def test_an_unreadable_image_is_left_out_and_named(
  task, config, predict, source, capsys
):
  class Broken(type(source)):
    def __getitem__(self, index):
      if index == 1:
        raise OSError('b.png: image file is truncated')
      return super().__getitem__(index)

  broken = run(predict, task, config, Broken(source.images))
  (line,) = capsys.readouterr().err.strip().splitlines()
  assert line.startswith('error: image 1 of listed cannot be read: b.png: ')
  assert broken.facts == {'failed': [line.removeprefix('error: ')]}
  whole = run(predict, task, config, source)
  kept = [image for image in whole.images if image['name'] != 'b.png']
  assert [image['model'] for image in broken.images] == [
    image['model'] for image in kept
  ]
  psnr = np.mean([image['model']['psnr'] for image in kept])
  assert broken.mean['model']['psnr'] == pytest.approx(psnr)
  assert len(broken.pictures) == len(kept)


@pytest.mark.parametrize(
  'error', [MemoryError(), jax.errors.JaxRuntimeError('RESOURCE_EXHAUSTED\n')]
)
def test_an_image_too_large_to_measure_is_left_out_and_named(
  task, config, predict, source, capsys, error
):
  def hungry(example, config):
    if example.inputs.shape[0] == 16:  # Only b.png.
      raise error
    return np.zeros_like(example.target)

  assert [s['image'].shape[0] == 16 for s in source] == [False, True, False]
  results = run(
    predict,
    dataclasses.replace(task, baselines={'hungry': hungry}),
    config,
    source,
  )
  (line,) = capsys.readouterr().err.strip().splitlines()
  reason = str(error).strip() or 'out of memory'
  assert line == f"error: image 'b.png': {reason}"
  assert [image['name'] for image in results.images] == ['a.png', 'c.png']
