"""Pictures of runs and models. Takes plain data and a path; no other room is imported."""
