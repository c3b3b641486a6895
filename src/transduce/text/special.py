"""The four special pieces, which stand for no text. Their ids are the same in every learned tokenizer.

User text never yields them, with one exception: tokenizers of words yield `UNKNOWN` for an unknown word. Tags (tags.py)
have the next ids.
"""

PAD, UNKNOWN, START, END = 0, 1, 2, 3

NAMES = ("<pad>", "<unk>", "<s>", "</s>")
"""Names of the pieces in a tokenizer file, by id: `NAMES[END] == "</s>"`."""
