"""From models that can score the next token to whole outputs: searches and draws over a small protocol."""
