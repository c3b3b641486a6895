"""Tasks: examples to batches, model output to loss, to predictions, to metrics. One file per task."""
