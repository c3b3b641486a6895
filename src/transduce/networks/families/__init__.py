"""Published weights: the names of their tensors, as maps to the names of the networks here."""
