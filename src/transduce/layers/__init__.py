"""Layers: norms, positions, feed-forward, dropout, activations, initialisation. Imports no other room."""
