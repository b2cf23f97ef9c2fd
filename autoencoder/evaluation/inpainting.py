"""Classical inpainting baselines, from scikit-image and OpenCV.

They take and return one NumPy image, `[H, W, C]` float32 with C = 1 or 3, and
run on the host. The mask `[H, W, 1]` is 1 at missing pixels. Values in holes
do not influence the result, and known pixels stay unchanged. The libraries are
imported at the first call; OpenCV is optional.
"""

import numpy as np


def mean_of_known(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Fills every hole with the mean of the known pixels, channel by channel.

  Fills with mid-grey if no pixel is known.

  Args:
    image: `[H, W, C]` float32 in [0, 1].
    mask: `[H, W, 1]`, 1 in holes.

  Returns:
    `[H, W, C]` float32.

  Raises:
    ValueError: the arguments are not an image and its mask.

  Example:

    restored = mean_of_known(image, mask)
  """
  image, holes = _check(image, mask)
  known = image[~holes].astype(np.float64)
  mean = known.mean(axis=0) if len(known) else 0.5
  return _composite(mean, image, holes)


def biharmonic(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Solves the biharmonic equation in the holes, channel by channel.

  Args:
    image: `[H, W, C]` float32 in [0, 1].
    mask: `[H, W, 1]`, 1 in holes.

  Returns:
    `[H, W, C]` float32. Equals `mean_of_known` if no pixel is known.

  Raises:
    ValueError: the arguments are not an image and its mask.

  References:
    Damelin and Hoang, "On surface completion and image inpainting by biharmonic
    functions: numerical aspects", 2018; `skimage.restoration`.

  Example:

    restored = biharmonic(image, mask)
  """
  from skimage import restoration

  image, holes = _check(image, mask)
  if holes.all() or not holes.any():
    return mean_of_known(image, mask)
  image = np.where(holes[..., None], 0, image)
  filled = restoration.inpaint_biharmonic(image, holes, channel_axis=-1)
  return _composite(filled, image, holes)


def telea(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Fills holes from the edges inwards, with weighted means of nearby pixels.

  NOTE: OpenCV computes in 8 bits.

  Args:
    image: `[H, W, C]` float32 in [0, 1].
    mask: `[H, W, 1]`, 1 in holes.

  Returns:
    `[H, W, C]` float32. Equals `mean_of_known` if no pixel is known.

  Raises:
    ImportError: OpenCV is not installed.
    ValueError: the arguments are not an image and its mask.

  References:
    Telea, "An image inpainting technique based on the fast marching method",
    Journal of Graphics Tools 2004; `cv2.inpaint` with radius 3.

  Example:

    restored = telea(image, mask)
  """
  return _opencv('INPAINT_TELEA', image, mask)


def navier_stokes(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Continues lines of equal brightness into the holes, like a fluid's flow.

  NOTE: OpenCV computes in 8 bits.

  Args:
    image: `[H, W, C]` float32 in [0, 1].
    mask: `[H, W, 1]`, 1 in holes.

  Returns:
    `[H, W, C]` float32. Equals `mean_of_known` if no pixel is known.

  Raises:
    ImportError: OpenCV is not installed.
    ValueError: the arguments are not an image and its mask.

  References:
    Bertalmio, Bertozzi, Sapiro, "Navier-Stokes, fluid dynamics, and image and
    video inpainting", CVPR 2001; `cv2.inpaint` with radius 3.

  Example:

    restored = navier_stokes(image, mask)
  """
  return _opencv('INPAINT_NS', image, mask)


def _opencv(method: str, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
  """Calls `cv2.inpaint`."""
  try:
    import cv2
  except ImportError as error:
    raise ImportError(
      'the method needs OpenCV: pip install opencv-python-headless'
    ) from error

  image, holes = _check(image, mask)
  if holes.all() or not holes.any():
    return mean_of_known(image, mask)
  # OpenCV reads some pixels in the holes, so those must not hold the answer.
  levels = np.where(holes[..., None], 0, np.clip(image, 0, 1))
  levels = np.rint(levels * 255).astype(np.uint8)
  filled = cv2.inpaint(levels, holes.astype(np.uint8), 3, getattr(cv2, method))
  filled = filled.reshape(image.shape).astype(np.float32) / 255
  return _composite(filled, image, holes)


def _composite(filled, image: np.ndarray, holes: np.ndarray) -> np.ndarray:
  """Returns `filled` in the holes and `image` elsewhere."""
  return np.where(holes[..., None], filled, image).astype(np.float32)


def _check(
  image: np.ndarray, mask: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the image as float32 and the holes as bool `[H, W]`."""
  image, mask = np.asarray(image, np.float32), np.asarray(mask)
  if (
    image.ndim != 3
    or image.shape[-1] not in (1, 3)
    or mask.shape != (*image.shape[:2], 1)
  ):
    raise ValueError(
      'An image is [H, W, 1 or 3] and its mask [H, W, 1]; got '
      f'{list(image.shape)} and {list(mask.shape)}.'
    )
  return image, mask[..., 0] > 0


def _of_example(method):
  """Returns `method(image, mask)` as a baseline of the inpainting task.

  The inputs of its examples are a filled image and the mask.
  """
  return lambda example, config: method(
    example.inputs[..., :-1], example.weight
  )


# For `Task.baselines`. 'fill' is the network's own input, where the holes are
# filled by normalised convolution.
BASELINES = {
  'fill': _of_example(lambda image, mask: image),
  'mean': _of_example(mean_of_known),
  'biharmonic': _of_example(biharmonic),
  'Telea': _of_example(telea),
  'Navier-Stokes': _of_example(navier_stokes),
}
