"""Rules: small functions that change the scores of the next token, applied one after another."""
