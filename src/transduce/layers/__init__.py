"""Layers: norms, feed-forward, dropout, activations, initial weights, layers over channels, losses over a vocabulary."""
