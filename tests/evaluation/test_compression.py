"""Comparisons of rate-distortion curves."""

import numpy as np
import pytest

from autoencoder import config as config_lib
from autoencoder.evaluation import compression


def curve(*pairs):
  return [{'bpp': rate, 'psnr': psnr} for rate, psnr in pairs]


def test_codecs_are_compared_at_qualities_that_all_reach():
  jpeg = [(0.1, 20.0), (0.2, 24.0), (1.0, 32.0), (2.0, 36.0)]
  # Half the bits of JPEG up to 28 dB, the same above.
  good_when_bad = [(0.05, 20.0), (0.3, 28.0), (1.0, 32.0), (2.0, 36.0)]
  ours = [(0.4, 28.0), (0.8, 32.0), (1.6, 36.0)]
  curves = {
    'JPEG': curve(*jpeg),
    'WebP': curve(*good_when_bad),
    'model': curve(*ours),
  }
  span = compression.common_psnr(curves)
  assert span == pytest.approx((28, 32))
  deltas = compression.compare(curves, span)
  alone = compression.compare(curves, (24.0, 32.0))
  assert deltas['JPEG'] == pytest.approx(0)
  assert deltas['WebP'] > alone['WebP'] + 5
  mean = {
    name: {'psnr': 30.0, 'bpp': 0.5}
    for name in ('JPEG', 'JPEG 2000', 'WebP', 'model')
  }
  sentence = compression.conclude(mean, deltas, span)
  assert '28.0 to 32.0 dB' in sentence and 'smaller than JPEG' in sentence


def test_codecs_without_a_quality_in_common_are_not_compared():
  curves = {
    'JPEG': curve((0.2, 24.0), (1.0, 32.0)),
    'model': curve((0.2, 40.0), (1.0, 50.0)),
  }
  span = compression.common_psnr(curves)
  assert span[0] > span[1]
  assert compression.compare(curves, span)['model'] is None


def test_a_picture_that_cannot_be_measured_is_left_out(monkeypatch, capsys):
  class Source(list):
    name = 'pictures'

  point = {'setting': 1, 'bpp': 0.5, 'psnr': 30.0, 'ms_ssim': 0.9}
  names = (*compression.image_codecs.CODECS, 'model')

  def measure(learned, image, quality, path):
    if len(image) < 16:
      raise ValueError('too small')
    curve = [
      point | {'bpp': bpp, 'psnr': psnr, 'ms_ssim': psnr / 50}
      for bpp, psnr in ((0.1, 25.0), (0.5, 30.0), (0.8, 33.0), (1.5, 40.0))
    ]
    points = dict.fromkeys(names, curve)
    return dict.fromkeys(names, point), {'target': image}, points

  monkeypatch.setattr(compression, '_Learned', lambda model: None)
  monkeypatch.setattr(compression, '_measure_image', measure)
  source = Source(
    {'name': f'{side}.png', 'image': np.zeros((side, side, 3), np.uint8)}
    for side in (8, 16)
  )
  options = config_lib.Config(
    evaluation=config_lib.EvaluationConfig(report_images=2)
  )
  options.quality = 5
  results = compression.measure(None, options, source)
  assert results.facts['failed'] == ["image '8.png': too small"]
  assert [image['name'] for image in results.images] == ['16.png']
  assert '8.png' in capsys.readouterr().err
