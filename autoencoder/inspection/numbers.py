"""The numbers behind the page of `--mode=inspect`, as JSON values."""

from typing import Any

import numpy as np

from autoencoder.inspection import features
from autoencoder.inspection import views


def of_layer(layer: views.LayerView) -> dict[str, Any]:
  """Returns receptive field, usage and strongest activations of a layer."""
  result: dict[str, Any] = {
    'name': layer.name,
    'receptive_field': layer.field._asdict(),
  }
  measured = layer.measured
  if measured is not None:
    result['measured'] = {
      'rows': measured.last[0] - measured.first[0] + 1,
      'columns': measured.last[1] - measured.first[1] + 1,
      'effective': measured.effective,
    }
  if layer.usage is not None:
    result |= {k: rounded(v) for k, v in layer.usage._asdict().items()}
    result['strongest'] = {
      channel: [
        {
          'image': feature.window.name,
          'value': round(feature.value, 5),
          'rows': in_image(feature)[:2],
          'columns': in_image(feature)[2:],
        }
        for feature in shown.strongest
      ]
      for channel, shown in layer.channels.items()
    }
  return result


def in_image(feature: features.Feature) -> tuple[int, int, int, int]:
  """Returns top, bottom, left and right of a crop in its image, in pixels.

  Bottom and right are exclusive. Padding around the image does not count.
  """
  box, image = feature.box, feature.window.image
  y, x = feature.window.origin

  def clip(origin: int, edge: float, start: float, end: float) -> int:
    return origin + int(min(max(edge, start), end) * feature.window.scale)

  return (
    clip(y, box.top, image.top, image.bottom),
    clip(y, box.bottom, image.top, image.bottom),
    clip(x, box.left, image.left, image.right),
    clip(x, box.right, image.left, image.right),
  )


def locate(feature: features.Feature) -> str:
  """Returns the image, value and place of an activation as text.

  For example 'coffee: 1.93, rows 88 to 157, columns 120 to 189', in pixels.
  """
  top, bottom, left, right = in_image(feature)
  return (
    f'{feature.window.name}: {feature.value:.3g}, rows {top} to {bottom - 1}, '
    f'columns {left} to {right - 1}'
  )


def rounded(values: np.ndarray) -> list[float]:
  """Returns values rounded to six significant digits."""
  return [float(f'{value:.6g}') for value in values]
