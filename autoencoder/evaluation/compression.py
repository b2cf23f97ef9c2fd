"""Measures a learned codec by its files, against JPEG, JPEG 2000 and WebP.

Every number comes from a file that was written and read back. Bits per pixel
are `8 * file size / pixels`, headers included. Pictures have 8 bits.
"""

from collections.abc import Sequence
import pathlib
import sys
import tempfile
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tqdm

from autoencoder import codec as codec_lib
from autoencoder import errors
from autoencoder.evaluation import bd_rate
from autoencoder.evaluation import charts
from autoencoder.evaluation import image_codecs
from autoencoder.evaluation import items
from autoencoder.evaluation import results as results_lib
from autoencoder.image import metrics as metrics_lib
from autoencoder.inference import predictor

# The BD-rate compares codecs at the PSNRs of JPEG between these bits per pixel.
RATES = (0.2, 1.0)

Point = dict[str, float]


def measure(model: Any, config: Any, source: Any) -> results_lib.Results:
  """Returns rate-distortion curves, and pictures at `config.quality`.

  The rows of `Results.mean` are compared at equal file size: each classical
  codec uses the setting of its smallest file that is at least as large as the
  model's. `Results.facts` has `curves`, `{codec: points}`, each point the mean
  over images at one setting, and `bd_rate_percent`, the BD-rate against JPEG
  over the PSNRs `bd_rate_psnr`, which all codecs reach.

  Args:
    model: a `models.Compressor`. `model(x, quality).bits` has the bits that its
      entropy models estimate, `{part: [N]}`.
    config: the experiment's configuration.
    source: see `evaluation.evaluate`.

  Raises:
    UserError: there are no images, or none can be read and measured. Others
      are left out, with a printed line.
  """
  count = items.count_images(config, source)
  learned = _Learned(model)
  shown = min(count, config.evaluation.report_images)
  images, pictures, failed = [], [], []
  points: dict[str, list[list[Point]]] = {}
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / 'image.cae'
    for index in tqdm.trange(
      count, desc='evaluating', unit='image', leave=False, disable=None
    ):
      try:
        item = items.read_item(config, source, index)
        found = _measure_item(learned, item, config.quality, path)
      except ValueError as error:
        failed.append(str(error))
        tqdm.tqdm.write(f'error: {error}', file=sys.stderr)
        continue
      entry, panels, image_points = found
      images.append({'name': item['name']} | entry)
      for name, each in image_points.items():
        points.setdefault(name, []).append(each)
      if index < shown:
        pictures.append(items.make_picture(item['name'], panels, shown))
  if not images:
    raise errors.UserError(
      f'No image of {source.name} could be measured: {failed[0]}'
    )
  rows = [*image_codecs.CODECS, 'model']
  mean = {row: _mean([entry[row] for entry in images]) for row in rows}
  curves = {
    name: [_mean(setting) for setting in zip(*points[name])] for name in rows
  }
  span = common_psnr(curves)
  deltas = compare(curves, span)
  return results_lib.Results(
    mean,
    images,
    source.name,
    pictures,
    facts={
      'curves': curves,
      'bd_rate_percent': deltas,
      'bd_rate_psnr': list(span),
    }
    | ({'failed': failed} if failed else {}),
    charts=[
      _chart(curves, 'psnr', 'psnr (dB), mean over images'),
      _chart(curves, 'ms_ssim', 'ms_ssim, mean over images'),
    ],
    conclusion=conclude(mean, deltas, span),
  )


def common_psnr(curves: dict[str, list[Point]]) -> tuple[float, float]:
  """Returns the lowest and highest PSNR, in dB, that every codec reaches.

  JPEG counts between the rates `RATES`, the other codecs at any rate. If the
  lowest is not below the highest, the codecs have no PSNR in common.
  """
  rates, jpeg_psnr = np.array(sorted(_pairs(curves['JPEG'], 'psnr'))).T
  least, most = np.interp(RATES, rates, jpeg_psnr).tolist()
  for points in curves.values():
    psnr = [point['psnr'] for point in points]
    least, most = max(least, min(psnr)), min(most, max(psnr))
  return least, most


def compare(
  curves: dict[str, list[Point]], span: tuple[float, float]
) -> dict[str, float | None]:
  """Returns the BD-rate of each codec against JPEG, in percent.

  Args:
    curves: points of each codec.
    span: the PSNRs to compare at, from `common_psnr`.

  Returns:
    None for a codec whose curve cannot be compared.
  """
  jpeg = _pairs(curves['JPEG'], 'psnr')
  deltas: dict[str, float | None] = {}
  for name, points in curves.items():
    try:
      deltas[name] = bd_rate.bd_rate(
        jpeg, _pairs(points, 'psnr'), qualities=span
      )
    except ValueError:
      # With an untrained codec, a higher rate may have a lower PSNR.
      deltas[name] = None
  return deltas


def conclude(
  mean: dict[str, Point],
  deltas: dict[str, float | None],
  span: tuple[float, float],
) -> str:
  """Returns the result in one or two sentences."""
  gains = [
    f'{mean["model"]["psnr"] - mean[name]["psnr"]:+.2f} dB against {name}'
    for name in image_codecs.CODECS
  ]
  delta = deltas['model']
  if delta is None:
    rate = "The model's curve and that of JPEG have no PSNR in common."
  else:
    size = 'smaller' if delta < 0 else 'larger'
    rate = (
      f"At equal PSNR, {span[0]:.1f} to {span[1]:.1f} dB, the model's files "
      f'are {abs(delta):.1f} % {size} than JPEG files.'
    )
  return (
    f'{rate} At equal file size, {mean["model"]["bpp"]:.2f} bits per pixel, '
    f'the model has {", ".join(gains)}.'
  )


class _Learned:
  """The codec of a model, and the rate that its entropy models estimate."""

  def __init__(self, model: Any):
    self.codec = codec_lib.TrainedCodec(model)
    self._bits = predictor.compile_with_model(
      model,
      lambda model, inputs: sum(model(*inputs).bits.values()),
    )

  def estimate(self, image: np.ndarray, quality: int) -> float:
    """Returns the number of bits that the entropy models estimate."""
    inputs = image[None].astype(np.float32) / 255, jnp.array([quality])
    return float(self._bits(inputs)[0])

  def run(
    self, image: np.ndarray, quality: int, path: pathlib.Path
  ) -> tuple[bytes, np.ndarray, float]:
    """Returns the file, the image read back from it, and the seconds taken."""
    start = time.perf_counter()
    path.write_bytes(codec_lib.compress(self.codec, image, quality=quality))
    decoded = codec_lib.decompress(self.codec, path.read_bytes())
    return path.read_bytes(), decoded, time.perf_counter() - start


def _measure_item(
  learned: _Learned, item: dict[str, Any], quality: int, path: pathlib.Path
) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, list[Point]]]:
  """Calls `_measure_image`, and names the image in errors."""
  try:
    return _measure_image(learned, item['image'], quality, path)
  except ValueError as error:
    raise errors.UserError(f'image {item["name"]!r}: {error}') from error


def _measure_image(
  learned: _Learned, image: np.ndarray, quality: int, path: pathlib.Path
) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, list[Point]]]:
  """Returns the entry, the panels and the curves' points of one image."""
  points: dict[str, list[Point]] = {'model': []}
  panels, seconds = {}, {}
  entry: dict[str, Any] = {'size': list(image.shape[:2])}
  # The first run compiles, which `seconds` leaves out.
  size = len(learned.run(image, quality, path)[0])
  for each in range(1, learned.codec.code.qualities + 1):
    data, decoded, duration = learned.run(image, each, path)
    point = _point(image, decoded, len(data), each)
    estimate = learned.estimate(image, each) / image[..., 0].size
    points['model'].append(point | {'bpp_estimate': estimate})
    if each == quality:
      panels['output'] = decoded
      entry['model'] = _row(point)
      seconds['model'] = round(duration, 6)
  for name, codec in image_codecs.CODECS.items():
    points[name] = []
    for setting in codec.tried:
      data, decoded = codec.run(image, setting)
      points[name].append(_point(image, decoded, len(data), setting))
    setting = codec.setting_for(image, size)
    start = time.perf_counter()
    data, panels[name] = codec.run(image, setting)
    seconds[name] = round(time.perf_counter() - start, 6)
    entry[name] = _row(_point(image, panels[name], len(data), setting))
  entry['seconds'] = seconds
  names = [*image_codecs.CODECS, 'output']
  ordered = {name: panels[name] for name in names} | {'target': image}
  return entry, ordered, points


def _row(point: Point) -> Point:
  """Returns the metrics that the table shows, the headline first."""
  return {name: point[name] for name in ('psnr', 'ms_ssim', 'bpp')}


def _point(
  image: np.ndarray, decoded: np.ndarray, size: int, setting: float
) -> Point:
  """Returns the rate and the quality of one file of `size` bytes."""
  pair = (
    jnp.asarray(each[None], jnp.float32) / 255 for each in (decoded, image)
  )
  psnr, ms_ssim = _similarity(*pair)
  return {
    'setting': setting,
    'bpp': 8 * size / image[..., 0].size,
    'psnr': float(psnr[0]),
    'ms_ssim': float(ms_ssim[0]),
  }


@jax.jit
def _similarity(
  decoded: jax.Array, image: jax.Array
) -> tuple[jax.Array, jax.Array]:
  return metrics_lib.psnr(decoded, image), metrics_lib.ms_ssim(decoded, image)


def _mean(points: Sequence[Point]) -> Point:
  return {
    name: float(np.mean([point[name] for point in points]))
    for name in points[0]
  }


def _pairs(points: list[Point], metric: str) -> list[tuple[float, float]]:
  return [(point['bpp'], point[metric]) for point in points]


def _chart(
  curves: dict[str, list[Point]], metric: str, title: str
) -> charts.Chart:
  """Returns the chart of a metric against the rate, up to twice `RATES[1]`."""
  most = 2 * RATES[1]
  series = {
    name: [pair for pair in sorted(_pairs(points, metric)) if pair[0] <= most]
    for name, points in curves.items()
  }
  return charts.make_chart(
    title,
    {name: pairs for name, pairs in series.items() if pairs},
    x_title='bits per pixel',
  )
