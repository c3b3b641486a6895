"""What a decoder says it has attended to is what its layers attend to in a whole forward pass."""

from dataclasses import replace

import pytest
import torch

from transduce.decoding.config import Decoding
from transduce.decoding.engine import decode_all
from transduce.decoding.ensemble import Ensemble
from transduce.decoding.hypothesis import Hypothesis, SpecialIds
from transduce.decoding.protocol import Attending, Padded
from transduce.decoding.requests import Request
from transduce.decoding.strategies.sampling import Sampling
from transduce.networks.presets import transformer_tiny
from transduce.networks.probes import attention_maps
from transduce.networks.stepping import TransformerDecoding
from transduce.networks.transformer import EncoderDecoder

V = 13
SPECIAL = SpecialIds(pad=0, start=2, end=3)
SOURCES = [[5, 4, 9, 12] * 5, [8, 3], [6, 6, 7, 10, 11, 3]]


@pytest.fixture(params=["post", "pre"])
def network(request):
    torch.manual_seed(0)
    config = replace(transformer_tiny(), d_model=16, feed_forward=24, norm_placement=request.param)
    network = config.build(V).eval()
    with torch.no_grad():
        network.target_embedding.weight.mul_(8)  # what untrained weights attend to is all alike
    return network


@pytest.fixture
def source():
    torch.manual_seed(1)
    return torch.randint(0, V, (3, 5)), torch.tensor([5, 2, 4])


def by_whole_pass(network, source, lengths, prefix):
    """(B, K, T, S), one beam after the other."""
    beams = range(prefix.shape[1])
    return torch.stack([attention_maps(network, source, lengths, prefix[:, k]).source.mean((0, 2)) for k in beams], 1)


@pytest.mark.parametrize("pieces", [[1] * 6, [4, 1, 1], [6]])
def test_attended_is_the_mean_over_layers_and_heads(network, source, pieces):
    model, prefix = TransformerDecoding(network), torch.randint(0, V, (3, 2, 6))
    assert isinstance(model, Attending)
    state = model.start(Padded(*source), Padded.of([[SPECIAL.start]] * 3, pad=0))
    state, found = model.reorder(state, torch.zeros(3, 2, dtype=torch.int64)), []
    for piece in prefix.split(pieces, dim=2):
        _, state = model.step(piece, state)
        found.append(model.attended(state))
    expected = by_whole_pass(network, *source, prefix)
    torch.testing.assert_close(torch.cat(found, 2), expected, atol=1e-5, rtol=1e-4)
    assert expected.std() > 0.05, "the positions must differ"


def coverage_by_whole_pass(network: EncoderDecoder, request: Request, found: Hypothesis) -> float:
    source, read = request.inputs, [SPECIAL.start, *request.prompt, *found.ids]
    read = read[: len(request.prompt) + len(found.token_log_probabilities)]
    attention = by_whole_pass(network, torch.tensor([source]), torch.tensor([len(source)]), torch.tensor([[read]]))
    return attention[0, 0].sum(0).clamp(max=1).log().sum().item()


@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize(
    "search",
    [
        {"beam": 1},
        {"beam": 4, "n_best": 4},
        {"beam": 4, "n_best": 4, "groups": 2, "diversity": 0.5},
        {"n_best": 3, "sampling": Sampling()},
    ],
)
def test_scores_hold_the_coverage_of_prompt_and_output(network, search, copies):
    """Reordered, selected and read at once or in steps, on the way."""
    model = Ensemble([TransformerDecoding(network)] * copies)
    how = Decoding(alpha=0.6, max_length=9, coverage_penalty=0.4, **search)
    prompts = [[5, 7], [9], [4, 4, 6]]
    requests = [Request(source, prompt, 9, 0) for source, prompt in zip(SOURCES, prompts, strict=True)]
    coverages = []
    for request, best in zip(requests, decode_all(model, requests, how, SPECIAL), strict=True):
        for found in best:
            coverage = coverage_by_whole_pass(network, request, found)
            plain = found.log_probability / len(found.token_log_probabilities) ** 0.6
            coverages.append(coverage)
            assert found.score == pytest.approx(plain + 0.4 * coverage, abs=1e-4)
    assert min(coverages) < -0.5, "not everything must be covered"
