"""Networks that carry a state: step by step they compute what a whole pass computes, whatever is reordered or joined."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from carrying_networks import NETWORKS, build
from transduce.decoding.config import Decoding
from transduce.decoding.engine import Engine, decode_all
from transduce.decoding.ensemble import Ensemble
from transduce.decoding.hypothesis import SpecialIds
from transduce.decoding.protocol import Attending, Decodable, Padded, Truncating
from transduce.decoding.requests import Request
from transduce.decoding.strategies.sampling import Sampling
from transduce.networks.carry_decoding import CarryDecoding
from transduce.networks.presets import transformer_tiny
from transduce.networks.source_to_target import SourceToTarget
from transduce.networks.stepping import decodable, decodes

V = 13
SPECIAL = SpecialIds(pad=0, start=2, end=3)
SOURCE = Padded(torch.randint(0, V, (3, 5), generator=torch.Generator().manual_seed(1)), torch.tensor([5, 2, 4]))
OTHER = Padded(torch.randint(0, V, (2, 7), generator=torch.Generator().manual_seed(2)), torch.tensor([7, 1]))
SOME = [
    "lstm additive luong",
    "gru monotonic bahdanau",
    "gru local-m input-feeding",
    "lstm local-p luong",
    "convolutional",
]


def tokens(*shape: int) -> Tensor:
    return torch.randint(0, V, shape, generator=torch.Generator().manual_seed(sum(shape)))


def start(model: CarryDecoding, inputs: Padded, beams: int) -> Any:
    rows = len(inputs.tokens)
    state = model.start(inputs, Padded(torch.zeros(rows, 1, dtype=torch.int64), torch.ones(rows, dtype=torch.int64)))
    return model.reorder(state, torch.zeros(rows, beams, dtype=torch.int64))


def whole(network: SourceToTarget, inputs: Padded, prefix: Tensor) -> Tensor:
    """Logits after each token of prefix (B, K, T), one beam after the other."""
    hidden = [network(inputs.tokens, inputs.lengths, prefix[:, beam]) for beam in range(prefix.shape[1])]
    return network.head.logits(torch.stack(hidden, 1)).detach()


def rows(inputs: Padded, which: Any) -> Padded:
    return Padded(inputs.tokens[which], inputs.lengths[which])


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_steps_equal_the_whole_pass(name: str) -> None:
    network, prefix = build(name, V), tokens(3, 2, 6)
    model = CarryDecoding(network)
    for pieces in ([1] * 6, [3, 1, 2]):
        state, logits, attended = start(model, SOURCE, 2), [], []
        for piece in prefix.split(pieces, dim=2):
            new, state = model.step(piece, state)
            logits.append(new)
            attended.append(model.attended(state))
        close(torch.cat(logits, 2), whole(network, SOURCE, prefix))
        weights = [network.source_weights(SOURCE.tokens, SOURCE.lengths, prefix[:, beam]).mean(0) for beam in (0, 1)]
        torch.testing.assert_close(torch.cat(attended, 2), torch.stack(weights, 1).float(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_padding_and_neighbours_do_not_matter(name: str) -> None:
    network, target = build(name, V), tokens(3, 6)
    together = network(SOURCE.tokens, SOURCE.lengths, target)
    other = SOURCE.tokens.clone()
    other[1, 2:] = 7
    assert torch.equal(network(other, SOURCE.lengths, target), together)
    for row, length in enumerate(SOURCE.lengths.tolist()):
        alone = network(SOURCE.tokens[row : row + 1, :length], SOURCE.lengths[row : row + 1], target[row : row + 1, :4])
        close(alone[0], together[row, :4])
    weights = network.source_weights(SOURCE.tokens, SOURCE.lengths, target)
    assert weights[:, 1, :, 2:].abs().sum() == 0


@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("lengths", [[6, 1, 3], [4, 4, 4]])
def test_prompts_of_their_own_lengths_are_read_at_the_start(name: str, lengths: list[int]) -> None:
    network, new = build(name, V), tokens(3, 2, 3)
    model, prompts = CarryDecoding(network), Padded(tokens(3, max(lengths)), torch.tensor(lengths))
    state = model.start(SOURCE, prompts)
    attended = model.attended(state)
    last = prompts.tokens.gather(1, prompts.lengths[:, None] - 1)[:, None].expand(-1, 2, -1)
    logits, state = model.step(last, model.reorder(state, torch.zeros(3, 2, dtype=torch.int64)))
    after, _ = model.step(new, state)
    for row, length in enumerate(lengths):
        own = prompts.tokens[row, :length]
        expected = whole(network, rows(SOURCE, [row]), torch.cat([own.expand(2, -1), new[row]], 1)[None])
        close(torch.cat([logits, after], 2)[row], expected[0, :, length - 1 :])
        weights = network.source_weights(SOURCE.tokens, SOURCE.lengths, prompts.tokens)[:, row].mean(0)
        torch.testing.assert_close(attended[row, 0, : length - 1], weights[: length - 1].float(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", SOME)
def test_reorder_select_and_join(name: str) -> None:
    network = build(name, V)
    model, prefix, theirs = CarryDecoding(network), tokens(3, 2, 4), tokens(2, 3, 2)
    beams, choice, new = torch.tensor([[1, 1, 0], [0, 1, 1], [0, 0, 0]]), torch.tensor([2, 0]), tokens(4, 3, 2)
    _, state = model.step(prefix, start(model, SOURCE, 2))
    state = model.select(model.reorder(state, beams), choice)
    _, entering = model.step(theirs, start(model, OTHER, 3))
    logits, _ = model.step(new, model.join(state, entering))
    mine = prefix.gather(1, beams[..., None].expand(-1, -1, 4))[choice]
    close(logits[:2], whole(network, rows(SOURCE, choice), torch.cat([mine, new[:2]], 2))[:, :, 4:])
    close(logits[2:], whole(network, OTHER, torch.cat([theirs, new[2:]], 2))[:, :, 2:])


def test_the_protocol() -> None:
    network = build("lstm additive luong", V)
    model = decodable(network)
    assert isinstance(model, CarryDecoding) and decodes(network)
    assert isinstance(model, Decodable) and isinstance(model, Attending)
    assert not isinstance(model, Truncating), "a carry holds no earlier tokens"
    assert not model.training and CarryDecoding(network.train()).training
    with pytest.raises(ValueError, match="an encoder-decoder needs inputs"):
        model.start(None, Padded(torch.ones(3, 1).long(), torch.ones(3).long()))


@torch.no_grad()
def best_by_enumeration(
    network: SourceToTarget, source: list[int], vocabulary: int, limit: int
) -> dict[tuple[int, ...], float]:
    """The log-probability of every output that ends within the limit, or is cut there, by whole passes."""
    outputs: dict[tuple[int, ...], float] = {}
    open_outputs: list[tuple[tuple[int, ...], float]] = [((), 0.0)]
    for length in range(1, limit + 1):
        longer = []
        for ids, total in open_outputs:
            hidden = network(torch.tensor([source]), torch.tensor([len(source)]), torch.tensor([[SPECIAL.start, *ids]]))
            scores = network.head.logits(hidden)[0, -1].log_softmax(-1)
            scores[[SPECIAL.pad, SPECIAL.start]] = -math.inf  # never written
            for token in range(vocabulary):
                if token == SPECIAL.end:
                    outputs[ids] = max(outputs.get(ids, -math.inf), total + float(scores[token]))
                elif scores[token] > -math.inf:
                    longer.append(((*ids, token), total + float(scores[token])))
        open_outputs = longer
        if length == limit:
            outputs |= dict(longer)
    return outputs


@pytest.mark.parametrize("name", SOME)
def test_a_wide_beam_finds_what_enumeration_finds(name: str) -> None:
    network, source = build(name, 6), [4, 5, 4, 3]
    how = Decoding(beam=40, n_best=5, alpha=0.0, max_length=4)
    (best,) = decode_all(CarryDecoding(network), [Request(source, (), 4, 0)], how, SPECIAL)
    outputs = best_by_enumeration(network, source, 6, 4)
    expected = sorted(outputs, key=lambda ids: -outputs[ids])[:5]
    assert [tuple(each.ids) for each in best] == expected
    assert [each.log_probability for each in best] == pytest.approx([outputs[ids] for ids in expected], abs=1e-5)


SOURCES, PROMPTS = [[5, 4, 9, 12] * 4, [8, 3], [6, 6, 7, 10, 11, 3], [7]], [[5, 6, 7] * 4, [], [9], [4, 4, 6]]
SEARCHES = [{"beam": 1}, {"beam": 4, "n_best": 4}, {"n_best": 3, "sampling": Sampling()}]


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("name", SOME)
def test_requests_that_join_get_the_outputs_that_they_get_alone(name: str, search: dict[str, Any]) -> None:
    model = decodable(build(name, V))
    how = Decoding(no_repeat_ngram=3, coverage_penalty=0.4, **search)
    requests = [Request(*pair, 9, place) for place, pair in enumerate(zip(SOURCES, PROMPTS, strict=True))]
    engine, outputs = Engine(model, how, SPECIAL), {}
    for number in (1, 0, 3, 2):  # a longer prompt and source come second
        engine.submit({number: requests[number]})
        for _ in range(2):
            outputs |= engine.step()
    while engine.running:
        outputs |= engine.step()
    for number, request in enumerate(requests):
        (alone,) = decode_all(model, [request], how, SPECIAL)
        assert [h.ids for h in outputs[number]] == [h.ids for h in alone]
        assert [h.score for h in outputs[number]] == pytest.approx([h.score for h in alone], rel=1e-5)


def test_an_ensemble_with_a_transformer() -> None:
    torch.manual_seed(1)
    models = [decodable(build(name, V)) for name in ("lstm additive luong", "convolutional")]
    models.append(decodable(transformer_tiny().build(V).double().eval()))
    prefix = tokens(3, 1, 4)
    prompts = Padded(torch.zeros(3, 1, dtype=torch.int64), torch.ones(3, dtype=torch.int64))
    ensemble = Ensemble(models)
    logits, state = ensemble.step(prefix, ensemble.start(SOURCE, prompts))
    each = [model.step(prefix, model.start(SOURCE, prompts)) for model in models]
    mean = torch.stack([own.softmax(-1) for own, _ in each]).mean(0)
    torch.testing.assert_close(logits.softmax(-1), mean.float(), atol=1e-6, rtol=1e-5)
    own_weights = [model.attended(own) for model, (_, own) in zip(models, each, strict=True)]
    torch.testing.assert_close(ensemble.attended(state), torch.stack(own_weights).mean(0))
