"""The four pieces that stand for no text. They have the same ids in every tokenizer; a user's text never yields them.
Tags (tags.py) follow them, where there are any.

(Whitespace words alone answer `UNKNOWN`, for a word that they have not learned.)
"""

PAD, UNKNOWN, START, END = 0, 1, 2, 3

NAMES = ("<pad>", "<unk>", "<s>", "</s>")
"""What the pieces are called in a tokenizer file, by id: `NAMES[END] == "</s>"`."""
