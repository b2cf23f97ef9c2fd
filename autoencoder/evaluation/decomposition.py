"""Measures a deconvolutional network: its features, its sparsity, its use.

The table is of denoising at `config.sigma` by the maps of the first layer,
against classical methods and the package's autoencoder. Charts and figures show
features and sparsity.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder.evaluation import charts
from autoencoder.evaluation import feature_figures
from autoencoder.evaluation import items
from autoencoder.evaluation import pixels
from autoencoder.evaluation import protocol
from autoencoder.evaluation import results as results_lib
from autoencoder.evaluation import sparse_denoising
from autoencoder.image import metrics as metrics_lib
from autoencoder.inference import predictor

# Factors of lambda along the curve of PSNR against sparsity.
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# The curve is a mean over the middles of this many held-out images.
CURVE_IMAGES, CURVE_SIDE = 3, 96

Curves = dict[str, list[dict[str, float]]]


def measure(
  model: sparse_denoising.SparseDenoiser, config: Any, source: Any
) -> results_lib.Results:
  """Returns the results of denoising, with curves and figures of the features.

  `Results.facts` has `curves`, `{layer: [{'scale', 'psnr', 'nonzeros'}]}`. Each
  point is the mean over images; `nonzeros` are coefficients per pixel.

  Args:
    model: the trained network.
    config: the experiment's configuration, with `sigma` and `threshold`.
    source: grey images; see `evaluation.evaluate`.

  Raises:
    UserError: see `evaluation.evaluate`; or an image is smaller than the
      window of contrast normalisation.
  """
  denoise = sparse_denoising.compile_denoiser(model, config)
  task = sparse_denoising.make_task()
  results = protocol.evaluate(denoise, task, config, source)
  images = _middles(config, source)
  curves = _curves(model, images)
  return dataclasses.replace(
    results,
    charts=[
      charts.make_chart(
        'psnr (dB) of reconstructions from few coefficients',
        {
          name: [(point['nonzeros'], point['psnr']) for point in points]
          for name, points in curves.items()
        },
        x_title='nonzero coefficients a pixel',
      )
    ],
    facts={'curves': curves},
    figures=feature_figures.draw(model, _most_detailed(images)),
    conclusion=conclude(results, curves, config),
  )


def conclude(results: results_lib.Results, curves: Curves, config: Any) -> str:
  """Returns the result in two sentences."""
  name, points = next(iter(curves.items()))
  point = next(point for point in points if point['scale'] == 1)
  mean = results.mean
  others = [
    f'{mean["model"]["psnr"] - values["psnr"]:+.2f} dB against {row}'
    for row, values in mean.items()
    if row not in ('input', 'model')
  ]
  return (
    f'{point["nonzeros"]:.2f} coefficients a pixel make a picture of '
    f'{point["psnr"]:.1f} dB ({name}). Inference alone brings noise of sigma '
    f'{config.sigma:g} from {mean["input"]["psnr"]:.2f} to '
    f'{mean["model"]["psnr"]:.2f} dB: {", ".join(others)}.'
  )


def _middles(config: Any, source: Any) -> np.ndarray:
  """Returns the middles of the first images, `[N, side, side, 1]` float32.

  The side is `CURVE_SIDE` pixels, or less if an image is smaller.
  """
  count = min(CURVE_IMAGES, items.count_images(config, source))
  images = [
    items.read_item(config, source, index)['image'] for index in range(count)
  ]
  side = min(CURVE_SIDE, *(n for image in images for n in image.shape[:2]))
  squares = [image[pixels.middle(image.shape, side)] for image in images]
  return np.stack(squares).astype(np.float32) / 255


def _most_detailed(images: np.ndarray) -> np.ndarray:
  """Returns the image with the largest contrast between neighbouring pixels."""
  steps = np.abs(np.diff(images, axis=1)).mean((1, 2, 3))
  return images[steps.argmax()][None]


def _curves(
  model: sparse_denoising.SparseDenoiser, images: np.ndarray
) -> Curves:
  """Returns PSNR and nonzeros of each layer at each of `SCALES`."""
  count = images[..., 0].size

  def points(model, scale):
    target = jnp.asarray(images)
    found = model.decompose(target, scale=scale)
    return [
      (metrics_lib.psnr(picture, target).mean(), (maps != 0).sum() / count)
      for maps, picture in zip(found.maps, found.pictures)
    ]

  compiled = predictor.compile_with_model(model, points)
  curves: Curves = {f'layer {n + 1}': [] for n in range(model.depth)}
  for scale in SCALES:
    found = jax.device_get(compiled(jnp.float32(scale)))
    for curve, (psnr, nonzeros) in zip(curves.values(), found):
      curve.append({
        'scale': scale, 'psnr': float(psnr), 'nonzeros': float(nonzeros)
      })  # fmt: skip
  return curves
