"""Pictures of runs and models, drawn from plain data."""
