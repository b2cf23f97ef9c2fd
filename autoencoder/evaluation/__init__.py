"""Measuring trained models against classical baselines, and reporting it."""

from autoencoder.evaluation import baselines
from autoencoder.evaluation.formats import in_words
from autoencoder.evaluation.numbers import numbers_path
from autoencoder.evaluation.numbers import table
from autoencoder.evaluation.numbers import write_json
from autoencoder.evaluation.protocol import evaluate
from autoencoder.evaluation.report import write_page
from autoencoder.evaluation.report import write_report
from autoencoder.evaluation.results import Figure
from autoencoder.evaluation.results import Picture
from autoencoder.evaluation.results import Results

__all__ = [
  'Figure',
  'Picture',
  'Results',
  'baselines',
  'evaluate',
  'in_words',
  'numbers_path',
  'table',
  'write_json',
  'write_page',
  'write_report',
]
