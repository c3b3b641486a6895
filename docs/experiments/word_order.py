"""Why a Transformer needs positions: without them self-attention does not see the order of words."""

import torch
from torch import Tensor

from transduce.attention.attend import attend
from transduce.attention.positions import sinusoidal
from transduce.drawing.matrix import Matrix, matrices_svg

WORDS = ("dog", "bites", "man")
ORDER = (2, 1, 0)  # man bites dog
WIDTH = 4


def measure() -> dict[str, tuple[Tensor, Tensor]]:
    """Outputs of the sentence and of its other order, both with the words in the first order: (T, D) each."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        words = torch.randn(len(WORDS), WIDTH)
    order = torch.tensor(ORDER)
    positions = sinusoidal(torch.arange(len(WORDS)), WIDTH)
    results = {}
    for name, offsets in (("without positions", torch.zeros_like(positions)), ("with positions", positions)):
        first, second = _self_attention(words + offsets), _self_attention(words[order] + offsets)
        results[name] = first, second[order.argsort()]
    return results


def _self_attention(x: Tensor) -> Tensor:
    heads = x[None, None]
    return attend(heads, heads, heads)[0, 0]


def pages() -> dict[str, str]:
    results = measure()
    rows = "".join(f"| {name} | {(a - b).abs().max().item():.3f} |\n" for name, (a, b) in results.items())
    text = f"""# The order of words

Self-attention reads "dog bites man" and "man bites dog". The picture shows the output of each word in both sentences, the
table the largest difference.

| | largest difference |
|---|---|
{rows}
![outputs of the words](word_order.svg)

Without positions the outputs of a permuted sentence are the outputs of the sentence, permuted: a word knows which words are
there, and not where. Sinusoidal positions, added to the words, tell the sentences apart.
"""
    pictures = [
        Matrix(values.tolist(), WORDS, (), f"{sentence}, {name}")
        for name, pair in results.items()
        for sentence, values in zip((" ".join(WORDS), " ".join(WORDS[place] for place in ORDER)), pair, strict=True)
    ]
    return {"word_order.md": text, "word_order.svg": matrices_svg(pictures)}
