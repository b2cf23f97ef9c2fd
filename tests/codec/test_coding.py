import jax.numpy as jnp
import numpy as np
import pytest

from autoencoder import codec
from autoencoder.codec import bitstream
from autoencoder.codec import coding
from autoencoder.codec import integer
from autoencoder.codec import latents
from autoencoder.models import entropy


@pytest.mark.parametrize('quality', [1, 4])
@pytest.mark.parametrize('size', [(1, 1), (1, 70), (16, 16), (65, 33)])
@pytest.mark.parametrize('channels', [1, 3])
def test_decoding_equals_the_transforms_of_the_rounded_latent(
  either, tiny, size, channels, quality
):
  image = tiny.image(*size, channels)
  data = codec.compress(either, image, quality=quality)
  decoded = codec.decompress(either, data)
  assert (decoded.shape, decoded.dtype) == (image.shape, np.uint8)
  # The same by the transforms alone, without a file.
  stride = either.stride
  padded = np.pad(
    image, [(0, -n % stride) for n in size] + [(0, 0)], mode='symmetric'
  )
  y = either.analyse(np.broadcast_to(padded, (*padded.shape[:2], 3)))
  if either.code.network is None:
    mean = 0.0
  else:
    z = np.rint(either.hyper_analyse(y))
    statistics = either.code.network(z) / 1024
    mean = statistics[: y.shape[0], : y.shape[1], : y.shape[2]]
  gain = either.code.gains[quality - 1].astype(float)
  rounded = np.rint((y - mean) * gain) / gain + mean
  expected = either.synthesise(rounded.astype(np.float32))
  expected = expected[: size[0], : size[1]]
  if channels == 1:
    expected = np.rint(expected.mean(axis=-1, keepdims=True))
  np.testing.assert_array_equal(decoded, expected)


def test_two_dimensions_are_grey(model, tiny):
  image = tiny.image(20, 30, 1)
  assert codec.compress(model, image[..., 0]) == codec.compress(model, image)


def test_higher_quality_gives_larger_files(either, tiny):
  image = tiny.image(160, 128)
  sizes = [len(codec.compress(either, image, quality=q)) for q in range(1, 5)]
  assert sizes == sorted(sizes) and sizes[3] > 1.3 * sizes[0]


def test_tiles_give_the_result_of_the_whole_image(either, tiny, monkeypatch):
  image = tiny.image(200, 330)
  whole = codec.compress(either, image)
  pixels = codec.decompress(either, whole)
  monkeypatch.setattr(coding, 'TILE', 48)
  parts = codec.compress(either, image)
  assert abs(len(parts) - len(whole)) <= 8  # Floats may round differently.
  other = codec.decompress(either, whole)
  assert np.abs(pixels.astype(int) - other).max() <= 1
  monkeypatch.undo()
  assert np.mean(codec.decompress(either, parts) != pixels) < 1e-3


def test_the_integer_network_approximates_the_hyper_synthesis(model, tiny):
  z = np.random.default_rng(0).integers(-6, 7, (3, 4, tiny.HYPER))
  expected = tiny.hyper_layers(tiny.make(), z)
  found = model.code.network(z) / 2**integer.ACTIVATION_BITS
  mean, place = np.split(found, 2, axis=-1)
  np.testing.assert_allclose(mean, expected[..., : tiny.LATENT], atol=0.01)
  # The second half of the channels are table indices of standard deviations.
  scale = 0.11 * (256 / 0.11) ** (place / 63)
  np.testing.assert_allclose(
    np.log(scale), expected[..., tiny.LATENT :], atol=0.01
  )


def test_the_entropy_model_predicts_the_file_size(model, tiny):
  """For latents that are drawn from the distribution that the model assumes."""
  module, rng = tiny.make(), np.random.default_rng(0)
  z = np.rint(rng.normal(0, 3, (12, 10, tiny.HYPER)))
  statistics = np.asarray(tiny.hyper_layers(module, z))
  mean, log_scale = np.split(statistics, 2, axis=-1)
  y = mean + np.exp(log_scale) * rng.normal(size=mean.shape)
  expected = float(module.prior.bits(jnp.asarray(z)[None])[0])
  for quality in (1, 4):
    (hyper, stream), _ = model.code.encode(y, z, quality)
    assert 8 * len(hyper) == pytest.approx(expected, rel=0.01, abs=64)
    gain = model.code.gains[quality - 1]
    symbols = np.rint((y - mean) * gain)
    bits = entropy.gaussian_bits(
      jnp.asarray(symbols)[None],
      jnp.zeros((1, *symbols.shape)),
      jnp.asarray(np.exp(log_scale) * gain)[None],
    )
    assert 8 * len(stream) == pytest.approx(float(bits[0]), rel=0.01, abs=64)


def test_stored_arrays_restore_the_code(either, tiny):
  arrays = either.code.to_arrays()
  again = latents.LatentCode.from_arrays(arrays)
  assert again.digest().digest() == either.code.digest().digest()
  y = either.analyse(tiny.image(64, 48))
  z = either.hyper_analyse(y)
  streams, latent = either.code.encode(y, z, 2)
  np.testing.assert_array_equal(again.decode(streams, *y.shape[:2], 2), latent)
  for name in arrays:
    less = {key: value for key, value in arrays.items() if key != name}
    if name != 'offsets':  # Without these it is a model without z.
      with pytest.raises(ValueError):
        latents.LatentCode.from_arrays(less)


def test_unexpected_side_information_is_refused(tiny):
  model = codec.TrainedCodec(tiny.make(hyper=False))
  content = bitstream.unpack(codec.compress(model, tiny.image(9, 9)))
  content = content._replace(streams=(b'more', content.streams[1]))
  with pytest.raises(ValueError, match='no side information'):
    codec.decompress(model, bitstream.pack(content))


def test_latents_far_outside_the_tables_are_coded(either):
  rng = np.random.default_rng(0)
  shape = (3, 5, either.code.channels)
  y = rng.normal(0, 1, shape) * 10 ** rng.uniform(0, 7, shape)
  z = None
  if either.code.network is not None:
    z = rng.normal(0, 1e6, either.code.hyper_shape(3, 5))
  streams, latent = either.code.encode(y, z, 1)
  step = 1 / either.code.gains[0]
  assert (np.abs(latent - y) <= 0.5 * step + 1e-6 * np.abs(y)).all()
  np.testing.assert_array_equal(either.code.decode(streams, 3, 5, 1), latent)


@pytest.mark.parametrize('value', [np.nan, np.inf, 1e12])
def test_latents_that_are_not_finite_are_refused(either, value):
  shape = either.code.hyper_shape(1, 1)
  z = np.zeros(shape) if shape[-1] else None
  with pytest.raises(ValueError, match='not finite'):
    y = np.full((1, 1, either.code.channels), value)
    either.code.encode(y, z, 1)


@pytest.mark.parametrize(
  'image',
  [
    np.zeros((4, 4, 3), np.float32),
    np.zeros((4, 4, 2), np.uint8),
    np.zeros((0, 4, 3), np.uint8),
    np.zeros(4, np.uint8),
    np.zeros((4, 4, 3), np.uint16),
  ],
)
def test_arrays_that_are_no_images_are_refused(model, image):
  with pytest.raises(ValueError, match=r'uint8 \[H, W, 3\]'):
    codec.compress(model, image)


@pytest.mark.parametrize('quality', [0, 5, -1, 2.5])
def test_an_unknown_quality_is_refused(model, tiny, quality):
  with pytest.raises(ValueError, match='1 .smallest. to 4; got'):
    codec.compress(model, tiny.image(4, 4), quality=quality)


def test_a_file_of_another_model_is_refused(either, tiny):
  other = codec.TrainedCodec(tiny.make(either.code.network is not None, seed=1))
  data = codec.compress(other, tiny.image(9, 9))
  with pytest.raises(ValueError) as error:
    codec.decompress(either, data)
  assert other.digest.hex() in str(error.value)
  assert either.digest.hex() in str(error.value)


def test_the_same_weights_with_other_tables_are_another_model(tiny):
  module = tiny.make()
  one = codec.TrainedCodec(module)
  prior, gains, network = module.entropy_parts()
  code = codec.make_latent_code(prior, 1.001 * gains, network)
  assert codec.TrainedCodec(module, code).digest != one.digest
  assert codec.TrainedCodec(module).digest == one.digest


def test_the_default_is_the_middle_quality(model, tiny):
  image = tiny.image(20, 20)
  assert codec.compress(model, image) == codec.compress(model, image, quality=2)


def test_the_header_is_short(model, tiny):
  image = tiny.image(512, 768)
  data = codec.compress(model, image)
  streams = bitstream.unpack(data).streams
  assert len(data) - sum(map(len, streams)) == 22
