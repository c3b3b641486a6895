"""Recurrent networks: their wirings against loops over PyTorch's cells, and their attentions against plain formulas."""

import itertools
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from transduce.attention.monotonic import hard_alignment, monotonic_alignment, stop_probabilities
from transduce.networks.cells import recurrence
from transduce.networks.presets import recurrent_tiny
from transduce.networks.recurrent import Bahdanau, Luong, Recurrent, RecurrentConfig
from transduce.networks.recurrent_attention import (
    ATTENTIONS,
    AdditiveAttention,
    LocalMonotonicAttention,
    LocalPredictiveAttention,
    LocationAttention,
    MonotonicAttentionPart,
)

V = 13
SOURCE, LENGTHS = torch.randint(0, V, (3, 6), generator=torch.Generator().manual_seed(1)), torch.tensor([6, 2, 4])
TARGET = torch.randint(0, V, (3, 5), generator=torch.Generator().manual_seed(2))


def network_of(**changes: Any) -> Recurrent:
    torch.manual_seed(0)
    config = replace(recurrent_tiny(), d_model=8, **changes)
    network = config.build(V).double().eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)  # untrained weights attend to all tokens alike
    return network


def cell_of(layer: nn.Module) -> nn.LSTMCell | nn.GRUCell:
    """PyTorch's cell with the weights of a layer."""
    kind = nn.LSTMCell if isinstance(layer, nn.LSTM) else nn.GRUCell
    cell = kind(layer.input_size, layer.hidden_size).double()
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in layer.state_dict().items()})
    return cell


def encoded(network: Recurrent, row: int) -> tuple[Tensor, Tensor]:
    """The states of one source without padding by a cell loop in both directions, and the last h."""
    x = network.source_embedding.scaled(SOURCE[row : row + 1, : LENGTHS[row]])[0]
    for layer in network.encoder.layers:
        outputs = []
        for suffix, steps in (("", range(len(x))), ("_reverse", range(len(x) - 1, -1, -1))):
            half = type(layer)(layer.input_size, layer.hidden_size).double()
            own = {
                n: getattr(layer, f"{n}{suffix}") for n in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
            }
            half.load_state_dict(own)
            cell, state, by_place = cell_of(half), None, {}
            for place in steps:
                state = cell(x[place], state)
                by_place[place] = state[0] if isinstance(state, tuple) else state
            outputs.append((torch.stack([by_place[place] for place in range(len(x))]), by_place[steps[-1]]))
        x, last = torch.cat([each for each, _ in outputs], -1), torch.cat([each for _, each in outputs], -1)
    return x, last


def additive(network: Recurrent, query: Tensor, states: Tensor) -> Tensor:
    score = network.decoder.attention.score
    scores = [
        score.to_score.weight[0] @ torch.tanh(score.from_query(query) + score.from_key.weight @ state)
        for state in states
    ]
    return torch.stack(scores).softmax(0)


@torch.no_grad()
def by_hand(network: Recurrent, row: int, wiring: str) -> Tensor:
    """Hidden states of one pair, token by token, as the papers have them."""
    states, last = encoded(network, row)
    decoder, width = network.decoder, network.target_embedding.embedding_dim
    cells = [cell_of(layer.recurrence) for layer in decoder.layers]
    flat = list(torch.tanh(decoder.bridge(last)).split(width))
    both = isinstance(cells[0], nn.LSTMCell)
    state = [tuple(flat[2 * i : 2 * i + 2]) if both else flat[i] for i in range(len(cells))]
    fed, hidden = torch.zeros(width).double(), []
    for x in network.target_embedding.scaled(TARGET[row : row + 1])[0]:
        if wiring == "bahdanau":
            query = state[-1][0] if both else state[-1]
            context = additive(network, query, states) @ states
            inputs = torch.cat([x, context])
        else:
            inputs = torch.cat([x, fed]) if wiring == "input-feeding" else x
        for number, cell in enumerate(cells):
            state[number] = cell(inputs, state[number])
            inputs = state[number][0] if both else state[number]
        if wiring == "bahdanau":
            parts = [inputs, context, x]
        else:
            parts = [additive(network, inputs, states) @ states, inputs]
        fed = torch.tanh(decoder.to_hidden.weight @ torch.cat(parts))
        hidden.append(fed)
    return torch.stack(hidden)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("wiring", ["luong", "input-feeding", "bahdanau"])
def test_a_network_is_a_loop_over_pytorchs_cells(cell: str, wiring: str) -> None:
    part = Bahdanau() if wiring == "bahdanau" else Luong(input_feeding=wiring == "input-feeding")
    network = network_of(cell=cell, wiring=part, encoder_layers=2, decoder_layers=2)
    hidden = network(SOURCE, LENGTHS, TARGET)
    for row in range(3):
        torch.testing.assert_close(hidden[row], by_hand(network, row, wiring), atol=1e-10, rtol=1e-10)


def test_an_encoder_in_one_direction() -> None:
    network = network_of(bidirectional=False)
    (layer,) = network.encoder.layers
    with torch.no_grad():
        states, last = network.encoder(network.source_embedding.scaled(SOURCE), LENGTHS)
        for row, length in enumerate(LENGTHS):
            expected, (h, _) = layer(network.source_embedding.scaled(SOURCE[row : row + 1, :length])[0])
            torch.testing.assert_close(states[row, :length], expected)
            torch.testing.assert_close(last[row], h[0])


def expected_weights(network: Recurrent, name: str, query: Tensor, states: Tensor, step: int) -> Tensor:
    attention, keys = network.decoder.attention, range(len(states))
    if name == "additive":
        return additive(network, query, states)
    if name == "location":
        return (attention.score.to_places.weight @ query)[: len(states)].softmax(0)
    factor = 1 / math.sqrt(len(query)) if name == "scaled-dot" else 1.0
    matrix = torch.eye(len(query)).double() if "dot" in name else attention.score.to_key.weight
    scores = torch.stack([factor * (matrix @ query) @ state for state in states])
    if not name.startswith("local"):
        return scores.softmax(0)
    centre = min(step, len(states) - 1)
    if name == "local-p":
        first, _, second, _ = attention.predicts
        centre = float(len(states) * torch.sigmoid(second.weight[0] @ torch.tanh(first.weight @ query)))
    near = torch.tensor([abs(place - centre) <= 2 for place in keys])
    weights = scores.masked_fill(~near, -torch.inf).softmax(0)
    if name == "local-p":
        weights = weights * torch.tensor([math.exp(-((place - centre) ** 2) / 2) for place in keys])
    return weights


PARTS = {
    **{name: part() for name, part in ATTENTIONS.items() if name not in ("location", "monotonic")},
    "location": LocationAttention(places=7),
    "local-m": LocalMonotonicAttention(window=2),
    "local-p": LocalPredictiveAttention(window=2),
}


@pytest.mark.parametrize("name", PARTS)
@torch.no_grad()
def test_the_weights_of_each_attention(name: str) -> None:
    network = network_of(attention=PARTS[name])
    weights = network.source_weights(SOURCE, LENGTHS, TARGET)[0]
    memory, carry = network.encode(SOURCE, LENGTHS)
    queries, _ = network.decoder.cells(network.target_embedding.scaled(TARGET), carry.tensors[2:])
    for row, length in enumerate(LENGTHS.tolist()):
        assert weights[row, :, length:].abs().sum() == 0
        for step in range(TARGET.shape[1]):
            expected = expected_weights(network, name, queries[row, step], memory.values[row, :length], step)
            torch.testing.assert_close(weights[row, step, :length], expected, atol=1e-7, rtol=1e-6)
    assert weights.std() > 0.05, "untrained, but not uniform"


def test_location_does_not_look_at_the_keys_and_has_a_longest_source() -> None:
    network = network_of(attention=LocationAttention(places=6))
    memory, carry = network.encode(SOURCE, LENGTHS)
    embedded = network.target_embedding.scaled(TARGET)
    shuffled = replace(memory, keys=memory.keys[:, torch.randperm(6)])
    assert torch.equal(
        network.decoder(embedded, memory, carry).weights, network.decoder(embedded, shuffled, carry).weights
    )
    with pytest.raises(ValueError, match=r"6 places and found 7 keys: build it with as many places"):
        network(torch.zeros(1, 7, dtype=torch.int64), torch.tensor([7]), TARGET[:1])


def expected_stops(energies, previous, allowed):
    return monotonic_alignment(stop_probabilities(energies, allowed), previous)


def hard_stops(energies, previous, allowed):
    return hard_alignment(stop_probabilities(energies, allowed), previous)


@pytest.mark.parametrize("queries", [1, 3])
def test_monotonic_stops_are_the_sum_over_all_choices(queries: int) -> None:
    """Every way to set the 3 x 4 switches z_ij, weighted by its chance; the query stops at the first z = 1 from its start."""
    torch.manual_seed(queries)
    keys = 4
    energies = 2 * torch.randn(queries, keys, dtype=torch.float64)
    p = energies.sigmoid()
    expected = torch.zeros(queries, keys, dtype=torch.float64)
    for switches in itertools.product((0, 1), repeat=queries * keys):
        z = torch.tensor(switches).view(queries, keys)
        chance, place = torch.where(z == 1, p, 1 - p).prod(), 0
        for query in range(queries):
            while place < keys and not z[query, place]:
                place += 1
            if place < keys:
                expected[query, place] += chance
    start, every = torch.tensor([1.0, 0, 0, 0]).double(), torch.ones(1, keys, dtype=torch.bool)
    torch.testing.assert_close(expected_stops(energies, start, every), expected)
    in_steps, previous = [], start
    for each in energies.split(1):
        in_steps.append(expected_stops(each, previous, every))
        previous = in_steps[-1][0]
    torch.testing.assert_close(torch.cat(in_steps), expected)


def test_monotonic_stops_at_extreme_energies() -> None:
    energies = torch.tensor([[-900.0, 900, -900, -900], [-900, -900, -900, 900], [900, 900, -900, -900]])
    start, every = torch.tensor([1.0, 0, 0, 0]), torch.ones(1, 4, dtype=torch.bool)
    path = torch.tensor([[0.0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])  # the last one passes the end
    assert torch.equal(hard_stops(energies, start, every), path)
    energies.requires_grad_()
    soft = expected_stops(energies, start, every)
    torch.testing.assert_close(soft, path)
    (gradient,) = torch.autograd.grad(soft.square().sum(), energies)
    assert gradient.isfinite().all()
    stays = expected_stops(torch.full((2, 4), 50.0), start, every)
    torch.testing.assert_close(stays, start.expand(2, -1))  # on key 0
    masked = expected_stops(torch.zeros(1, 4), start, torch.tensor([[True, True, False, False]]))
    assert torch.equal(masked, torch.tensor([[0.5, 0.25, 0, 0]]))


@pytest.mark.parametrize("hard", [True, False])
def test_monotonic_attention_in_a_network(hard: bool) -> None:
    network = network_of(attention=MonotonicAttentionPart(hard=hard, offset=0.3))
    weights = network.source_weights(SOURCE, LENGTHS, TARGET)[0]
    assert set(weights.unique().tolist()) == {0.0, 1.0} if hard else bool((weights.sum(-1) <= 1 + 1e-6).all())
    score, attention = network.decoder.attention.score, network.decoder.attention
    memory, carry = network.encode(SOURCE, LENGTHS)
    queries, _ = network.decoder.cells(network.target_embedding.scaled(TARGET), carry.tensors[2:])
    vector = score.to_score.weight[0]
    hidden = torch.tanh(score.from_query(queries)[0, :, None] + score.from_key(memory.values)[0])
    energies = attention.gain * (hidden @ vector) / vector.square().sum().sqrt() + attention.offset
    stops = hard_stops if hard else expected_stops
    start = torch.eye(6)[0].double()
    torch.testing.assert_close(weights[0], stops(energies, start, torch.ones(1, 6, dtype=torch.bool)))


def test_the_noise_of_monotonic_attention_in_training() -> None:
    """Without dropout two passes differ by the noise alone; without noise training takes the expectation."""
    for noise in (0.0, 1.0):
        network = network_of(attention=MonotonicAttentionPart(noise=noise, offset=0.3), dropout=0.0)
        soft = network_of(attention=MonotonicAttentionPart(hard=False, offset=0.3), dropout=0.0)
        expected = soft.source_weights(SOURCE, LENGTHS, TARGET)
        network.train()
        one, other = (network.source_weights(SOURCE, LENGTHS, TARGET) for _ in range(2))
        assert torch.equal(one, other) == torch.allclose(one, expected) == (noise == 0.0)


def test_forget_gates_of_lstm_cells_begin_open() -> None:
    """Of the input, forget, cell and output gate, the second has a bias of 1, in both directions."""
    for layer in (recurrence("lstm", 3, 4, bidirectional=True), recurrence("lstm", 3, 4)):
        for name, bias in layer.named_parameters():
            if name.startswith("bias_ih"):
                assert (bias.view(4, 4)[1] == 1).all() and (bias.view(4, 4)[[0, 2, 3]].abs() <= 0.5).all(), name


def test_mistakes_in_a_config() -> None:
    with pytest.raises(ValueError, match=r"d-model must be even with bidirectional = true.*found 7"):
        RecurrentConfig(d_model=7)
    assert RecurrentConfig(d_model=7, bidirectional=False).d_model == 7
    with pytest.raises(ValueError, match="window must be 1 to"):
        LocalMonotonicAttention(window=0)
    with pytest.raises(ValueError, match="hidden must be 1 to"):
        AdditiveAttention(hidden=0)
    details = RecurrentConfig(cell="gru", wiring=Bahdanau()).details
    assert details == "gru cells, attention additive, wiring bahdanau"
