"""Decoding: from a model that scores the next token to whole outputs, by search or sampling, over a small protocol."""
