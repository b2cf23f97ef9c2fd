"""The rate-distortion trade-offs that a learned codec is trained for."""

# The weight of the squared error at each quality:
# `loss = lambda * 255^2 * MSE + bits per pixel`. The levels of CompressAI make
# results comparable; a smaller one before them reaches 0.2 bits per pixel.
LAMBDAS = (
  0.0009, 0.0018, 0.0035, 0.0067, 0.013, 0.025, 0.0483, 0.0932, 0.18,
)  # fmt: skip
QUALITIES = len(LAMBDAS)
