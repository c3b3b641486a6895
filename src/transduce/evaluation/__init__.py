"""How good outputs are: metrics over whole corpora, with signatures that say how they were computed."""
