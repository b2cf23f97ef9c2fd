"""Measuring a trained model against classical methods, and showing it."""

from autoencoder.evaluation import baselines
from autoencoder.evaluation.protocol import evaluate
from autoencoder.evaluation.report import write_page
from autoencoder.evaluation.report import write_report
from autoencoder.evaluation.results import Figure
from autoencoder.evaluation.results import Picture
from autoencoder.evaluation.results import Results
from autoencoder.evaluation.results import in_words
from autoencoder.evaluation.results import numbers_path
from autoencoder.evaluation.results import table
from autoencoder.evaluation.results import write_json

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
