"""The options that benchmarks pass to experiments exist and are accepted."""

import pytest

from autoencoder import config as config_lib
from autoencoder.runs import experiment as experiment_lib
from benchmarks import common
from benchmarks import denoising_ablations
from benchmarks import restoration
from benchmarks import segmentation_decoders

RECIPES = {
  f'restoration {name}': (experiment, 'benchmark', options)
  for name, (experiment, options, *_) in restoration.RUNS.items()
}
RECIPES |= {
  f'ablation {name}': ('denoising', '', options)
  for name, options in denoising_ablations.VARIANTS.items()
}
RECIPES |= {
  f'decoder {variant}': ('segmentation', variant, {})
  for variant in segmentation_decoders.VARIANTS
}
RECIPES |= {
  'compression': ('compression', 'benchmark', {}),
  'segmentation': ('segmentation', 'camvid', {}),
}


@pytest.mark.parametrize('name', RECIPES)
def test_the_options_of_a_recipe_are_accepted(name):
  experiment, variant, options = RECIPES[name]
  path = common.ROOT / 'experiments' / f'{experiment}.py'
  config = experiment_lib.load(path).get_config(variant)
  for option, value in options.items():
    if isinstance(config_lib.get_field(config, option), tuple):
      # A flag has the elements separated by commas.
      value = tuple(value.split(',')) if isinstance(value, str) else value
    config_lib.set_field(config, option, value)
  config.validate()
