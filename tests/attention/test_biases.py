"""Biases against loops, transformers and limit cases."""

import pytest
import torch
from transformers.models.t5.modeling_t5 import T5Attention

from transduce.attention.attend import attend
from transduce.attention.biases import AdaptiveSpan, LearnedBias, T5Buckets, distances, gaussian
from transduce.attention.masks import window


def test_distances_align_the_last_query_with_the_last_key():
    assert distances(2, 3).tolist() == [[-1, 0, 1], [-2, -1, 0]]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("buckets", "most"), [(32, 128), (8, 20)])
def test_buckets_are_those_of_transformers(causal, buckets, most):
    distance = torch.arange(-300, 301)
    expected = T5Attention._relative_position_bucket(distance, not causal, buckets, most)
    assert torch.equal(T5Buckets(2, buckets, most, causal).bucket(distance), expected)


def test_the_bias_of_a_bucket_goes_to_every_pair_of_its_distance():
    part = T5Buckets(3)
    bias = part(4, 6)
    for i in range(4):
        for j in range(6):
            bucket = part.bucket(torch.tensor(j - (i + 2)))
            assert torch.equal(bias[0, :, i, j], part.table.weight[bucket])


def test_gaussian():
    bias = gaussian(torch.tensor([1.5, 3.0]), 5, 2.0)
    for i, centre in enumerate((1.5, 3.0)):
        for j in range(5):
            assert bias[i, j].item() == pytest.approx(-((j - centre) ** 2) / 8)
    query, key, value = torch.randn(3, 1, 1, 2, 4)
    wide = gaussian(torch.tensor([0.0, 1.0]), 2, 1e6)
    torch.testing.assert_close(attend(query, key, value, bias=wide), attend(query, key, value))
    with pytest.raises(ValueError, match="deviation must be above 0"):
        gaussian(torch.zeros(1), 2, 0.0)


def test_adaptive_spans():
    part = AdaptiveSpan(2, longest=10, ramp=4)
    with torch.no_grad():
        part.share.copy_(torch.tensor([0.0, 0.3]))
    weights = part(12, 12).exp()[0]
    distance = distances(12, 12).abs()
    for head, span in enumerate((0.0, 3.0)):
        expected = ((4 + span - distance) / 4).clamp(0, 1)
        torch.testing.assert_close(weights[head], expected, atol=1e-6, rtol=0)
    assert part.span_loss().item() == pytest.approx(1.5)
    torch.autograd.grad(part(12, 12).sum(), part.share)[0].isfinite().all()
    query, key, value = torch.randn(3, 1, 2, 6, 4)
    with torch.no_grad():
        part.share.fill_(1.0)
    torch.testing.assert_close(attend(query, key, value, bias=part(6, 6)), attend(query, key, value))
    narrow = AdaptiveSpan(2, longest=10, ramp=1)
    with torch.no_grad():
        narrow.share.fill_(0.1)
    torch.testing.assert_close(
        attend(query, key, value, bias=narrow(6, 6)), attend(query, key, value, window(1, 1)), atol=1e-5, rtol=1e-5
    )


def test_a_learned_bias_has_a_place_for_each_pair():
    part = LearnedBias(2, 3, 4)
    assert part(2, 4).shape == (1, 2, 2, 4)
    with pytest.raises(ValueError, match="for 3 queries and 4 keys, found 4 and 4"):
        part(4, 4)
