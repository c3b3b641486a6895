"""Layers: norms, feed-forward, dropout, activations, initial weights, losses over a vocabulary; an atlas of formulas."""
