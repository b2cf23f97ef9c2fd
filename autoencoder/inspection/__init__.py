"""Inspects a trained model: what its channels or maps respond to, as a page."""

from autoencoder.inspection.activations import survey
from autoencoder.inspection.inside import check
from autoencoder.inspection.inside import look
from autoencoder.inspection.page import write_page
from autoencoder.inspection.projection import RULES
from autoencoder.inspection.projection import project
from autoencoder.inspection.steps import encoder_steps

__all__ = [
  'RULES',
  'check',
  'encoder_steps',
  'look',
  'project',
  'survey',
  'write_page',
]
