"""Layers: norms, feed-forward, dropout, activations, initial weights, channels, losses over a vocabulary; an atlas of formulas."""
