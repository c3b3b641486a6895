"""From a model that can score the next token to whole outputs: greedy and beam search over a small protocol."""
