"""Strings and token ids: special pieces, tokenizers, their training and their file format."""
