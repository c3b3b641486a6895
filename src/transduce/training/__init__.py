"""Training: state, loop, losses, optimisers, schedules, precision, checkpoints, metrics log."""
