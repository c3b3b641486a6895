"""What settings ask of the next token beside the model: small rules over log-probabilities, applied one after another."""
