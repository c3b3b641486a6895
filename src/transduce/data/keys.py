"""Hashes of 64 bits that identify values: of text up to its spelling, and of exact content."""

from hashlib import blake2b

from transduce.text.normal_forms import normal


def text_key(text: str) -> int:
    """64-bit hash, equal for texts that are the same key.

    >>> text_key("An  Apple ") == text_key("an apple")
    True
    """
    if text.isascii():  # quicker, and the same
        folded = text.lower()
    else:
        folded = normal("NFKC", normal("NFKC", text).casefold())
    return exact_key(" ".join(folded.split()))


def exact_key(text: str) -> int:
    """64-bit hash of exactly this text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")
