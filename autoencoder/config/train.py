"""Options of training and of the evaluation after it."""

import dataclasses

from autoencoder.config import options


@dataclasses.dataclass
class TrainConfig:
  """Optimisation, logging and checkpoints."""

  steps: int = options.option(
    2200,
    help='Updates in the whole run. Raise it to continue a finished run.',
    role=options.TRAINING,
    low=1,
    resumable=True,
  )
  batch_size: int = options.option(
    8,
    help='Images per update, over all devices.',
    role=options.TRAINING,
    low=1,
  )
  muon_learning_rate: float = options.option(
    1e-2,
    help='Peak learning rate of Muon, which trains the kernels. 0 trains them '
    'with AdamW, too.',
    role=options.TRAINING,
    low=0,
  )
  learning_rate: float = options.option(
    2e-3,
    help='Peak learning rate of Adam, which trains the biases.',
    role=options.TRAINING,
    above=0,
  )
  warmup_steps: int = options.option(
    100,
    help='Updates of linear warm-up, before the cosine decay.',
    role=options.TRAINING,
    low=0,
  )
  final_rate: float = options.option(
    0.0,
    help='Learning rate at the end of the cosine decay, relative to the peak. '
    '1 keeps the rate constant.',
    role=options.TRAINING,
    low=0,
  )
  late_batches: int = options.option(
    1,
    help='Batches averaged by one update in the last quarter of the steps, '
    'when gradients are small compared with their noise. 1 averages nothing.',
    role=options.TRAINING,
    low=1,
  )
  weight_decay: float = options.option(
    0.1,
    help='Decoupled weight decay of the kernels. A step of Muon has the same '
    'length whatever the size of the kernel, so without decay kernels grow and '
    'learn less from each step.',
    role=options.TRAINING,
    low=0,
  )
  clip_norm: float = options.option(
    0.2,
    help='Largest global norm of the gradient; a larger gradient is scaled '
    'down to it. The default is twice the usual norm: without clipping, one '
    'bad batch can undo many updates.',
    role=options.TRAINING,
    above=0,
  )
  ema_decay: float = options.option(
    0.999,
    help='Decay of the averaged weights, which are used for everything except '
    'training. 0 turns averaging off.',
    role=options.TRAINING,
    low=0,
    below=1,
  )
  log_every: int = options.option(
    50,
    help='Updates between two lines of metrics.',
    role=options.TRAINING,
    low=1,
    resumable=True,
  )
  evaluate_every: int = options.option(
    250,
    help='Updates between two measurements on held-out crops; 0 is never.',
    role=options.TRAINING,
    low=0,
    resumable=True,
  )
  checkpoint_every: int = options.option(
    500,
    help='Updates between two checkpoints.',
    role=options.TRAINING,
    low=1,
    resumable=True,
  )
  keep: int = options.option(
    3,
    help='Number of checkpoints kept, the newest ones.',
    role=options.TRAINING,
    low=1,
    resumable=True,
  )


@dataclasses.dataclass
class EvaluationConfig:
  """Measuring and showing the trained model."""

  max_images: int = options.option(
    0,
    help='Largest number of images measured, from the first; 0 measures all.',
    role=options.MEASURING,
    low=0,
    resumable=True,
  )
  report_images: int = options.option(
    6,
    help='Held-out images shown in the report.',
    role=options.MEASURING,
    low=0,
    resumable=True,
  )
  center_crop: int = options.option(
    0,
    help='Measures only the central square of this side, pixels; 0 measures '
    'whole images.',
    role=options.MEASURING,
    low=0,
    resumable=True,
  )
  tile: int = options.option(
    1024,
    help='Images larger than this side, pixels, are processed in overlapping '
    'tiles. A tile is at least four times the receptive radius of the model.',
    role=(options.MEASURING, options.APPLYING),
    low=64,
    resumable=True,
  )
  self_ensemble: bool = options.option(
    False,
    help="Averages the model's answers over the 8 flips and rotations of each "
    'image, at 8 times the work. Tables list the result separately.',
    role=options.EVALUATING,
  )
