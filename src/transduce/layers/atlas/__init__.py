"""Layers as formulas: for each, a reference function to read and to check modules with, and a description."""
