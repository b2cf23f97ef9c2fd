"""Measuring a deconvolutional network: its features, its sparsity, its use.

The table is of denoising, by inference of the first layer's maps alone, beside
classical methods and the autoencoder that comes with the package, at the noise
of `config.sigma`. Charts and figures show the rest.
"""

from collections.abc import Callable
import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autoencoder import sparse
from autoencoder.evaluation import baselines
from autoencoder.evaluation import curves as curves_lib
from autoencoder.evaluation import feature_figures
from autoencoder.evaluation import items
from autoencoder.evaluation import protocol
from autoencoder.evaluation import results as results_lib
from autoencoder.image import corruptions
from autoencoder.image import metrics as metrics_lib
from autoencoder.inference import predictor
from autoencoder.runs import checkpoint
from autoencoder.tasks import restoration
from autoencoder.tasks import task as task_lib

# What lambda is multiplied by along the curve.
SCALES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# The middle of this many held-out images is decomposed for it.
CURVE_IMAGES, CURVE_SIDE = 3, 96


def measure(
  model: sparse.DeconvolutionalNetwork, config: Any, source: Any
) -> results_lib.Results:
  """Returns the numbers of denoising, with curves and figures of the features.

  `Results.facts` has `curves`, `{name: [{'scale', 'psnr', 'nonzeros'}]}`, each
  point the mean over images, nonzeros being coefficients a pixel.

  Args:
    model: the trained network.
    config: the experiment's configuration, with `sigma` and `threshold`.
    source: see `evaluation.evaluate`; grey images.

  Raises:
    ValueError: as `evaluation.evaluate`, or an image below the window.
  """
  denoise = compile_denoiser(model, config)
  results = protocol.evaluate(denoise, denoising_task(), config, source)
  images = _middles(config, source)
  curves = _curves(model, images)
  figures = feature_figures.draw(model, _most_detailed(images))
  return dataclasses.replace(
    results,
    charts=[
      curves_lib.make_chart(
        'psnr (dB) of pictures made of few coefficients',
        {
          name: [(point['nonzeros'], point['psnr']) for point in points]
          for name, points in curves.items()
        },
        x_title='nonzero coefficients a pixel',
      )
    ],
    facts={'curves': curves},
    figures=figures,
    conclusion=conclude(results, curves, config),
  )


def conclude(
  results: results_lib.Results,
  curves: dict[str, list[dict[str, float]]],
  config: Any,
) -> str:
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


def compile_denoiser(
  model: sparse.DeconvolutionalNetwork, config: Any
) -> Callable[[Any], jax.Array]:
  """Returns `denoise(noisy [N, H, W, C])` at the noise of `config.sigma`."""
  return predictor.compile_with_model(
    model,
    lambda model, noisy: model.denoise(
      noisy, config.sigma / 255, threshold=config.threshold
    ),
  )


def denoising_task() -> task_lib.Task:
  """Returns the task of the table, as `experiments/denoising.py` measures."""

  def make_example(key, item, config):
    noisy = corruptions.gaussian_noise(key, item['image'], config.sigma / 255)
    return task_lib.Example(noisy, item['image'])

  def classical(method):
    return lambda example, config: method(example.inputs, config.sigma / 255)

  return restoration.make_task(
    make_example,
    baselines={
      'non-local means': classical(baselines.non_local_means),
      'total variation': classical(baselines.total_variation),
      'autoencoder': _autoencoder,
    },
  )


def _autoencoder(example: task_lib.Example, config: Any) -> np.ndarray:
  """The package's denoiser, of colour photos, on a grey one.

  Equal noise in three channels would pass for texture: it has learned noise
  that differs between them. So noise whose mean over the channels is 0 is added
  until each has its own, of the root of 3 times the strength; the mean of the
  channels is still the grey photo, and nothing more is known of it.

  NOTE: It is not told sigma, and has learned 5 to 55 of 255, so up to 31 here.
  """
  shape = (*example.inputs.shape[:2], 3)
  noise = np.random.default_rng(0).standard_normal(shape, np.float32)
  noise -= noise.mean(-1, keepdims=True)
  inputs = example.inputs + 3**0.5 * config.sigma / 255 * noise
  return np.asarray(_pretrained()(inputs[None]))[0].mean(-1, keepdims=True)


@functools.cache
def _pretrained():
  return predictor.make_predictor(checkpoint.load('pretrained:denoising'))


def _middles(config: Any, source: Any) -> np.ndarray:
  """Returns the middles of the first images, `[N, side, side, 1]` float32.

  The side is `CURVE_SIDE` pixels, or less where an image has less.
  """
  count = min(CURVE_IMAGES, items.count_images(config, source))
  images = [
    items.read_item(config, source, index)['image'] for index in range(count)
  ]
  side = min(CURVE_SIDE, *(n for image in images for n in image.shape[:2]))
  squares = []
  for image in images:
    top, left = ((n - side) // 2 for n in image.shape[:2])
    squares.append(image[top : top + side, left : left + side])
  return np.stack(squares).astype(np.float32) / 255


def _most_detailed(images: np.ndarray) -> np.ndarray:
  """Returns the image with the most contrast between neighbours."""
  steps = np.abs(np.diff(images, axis=1)).mean((1, 2, 3))
  return images[steps.argmax()][None]


def _curves(
  model: sparse.DeconvolutionalNetwork, images: np.ndarray
) -> dict[str, list[dict[str, float]]]:
  """Returns PSNR and nonzeros of each layer at each lambda."""

  def points(model, scale):
    found = model.decompose(jnp.asarray(images), scale=scale)
    pixels = images[..., 0].size
    return [
      (metrics_lib.psnr(picture, images).mean(), (maps != 0).sum() / pixels)
      for maps, picture in zip(found.maps, found.pictures)
    ]

  compiled = predictor.compile_with_model(model, points)
  curves = {f'layer {layer + 1}': [] for layer in range(model.depth)}
  for scale in SCALES:
    found = jax.device_get(compiled(jnp.float32(scale)))
    for points, (psnr, nonzeros) in zip(curves.values(), found):
      points.append({
        'scale': scale, 'psnr': float(psnr), 'nonzeros': float(nonzeros)
      })  # fmt: skip
  return curves
