"""RNN, LSTM and both forms of the GRU."""

import math

import pytest
import torch
from layer_agreement import agree
from torch import nn
from torch.func import functional_call

from transduce.layers.atlas.gru import gru_reset_after, gru_reset_before
from transduce.layers.atlas.lstm import lstm
from transduce.layers.atlas.simple_rnn import simple_rnn

B, T, INPUT, H = 3, 5, 2, 4
NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


def weights(gates):
    torch.manual_seed(gates)
    return [torch.randn(gates * H, width) for width in (INPUT, H)] + [torch.randn(gates * H) for _ in range(2)]


def by_torch(module, x, *rest):
    """The module with the four weights at the end of `rest`; before them its first state."""
    states, values = rest[:-4], dict(zip(NAMES, rest[-4:], strict=True))
    first = tuple(state[None] for state in states)
    return functional_call(module.to(x.dtype), values, (x, first[0] if len(first) == 1 else first))


def test_simple_rnn():
    module = nn.RNN(INPUT, H, batch_first=True)
    agree(
        simple_rnn, lambda *each: by_torch(module, *each)[0], torch.randn(B, T, INPUT), torch.randn(B, H), *weights(1)
    )


def test_lstm():
    module = nn.LSTM(INPUT, H, batch_first=True)
    inputs = torch.randn(B, T, INPUT), torch.randn(B, H), torch.randn(B, H), *weights(4)
    agree(lambda *each: lstm(*each)[0], lambda *each: by_torch(module, *each)[0], *inputs)
    agree(lambda *each: lstm(*each)[1][:, -1], lambda *each: by_torch(module, *each)[1][1][0], *inputs)


def test_gru_that_resets_after():
    module = nn.GRU(INPUT, H, batch_first=True)
    inputs = torch.randn(B, T, INPUT), torch.randn(B, H), *weights(3)
    agree(gru_reset_after, lambda *each: by_torch(module, *each)[0], *inputs)


def test_gru_that_resets_before_by_its_equations():
    """Number by number, as Cho et al. write it."""
    x, h = torch.randn(1, T, INPUT, dtype=torch.float64), torch.zeros(1, H, dtype=torch.float64)
    weight, recurrent, bias, _ = (each.double() for each in weights(3))
    states = gru_reset_before(x, h, weight, recurrent, bias)
    state = [0.0] * H
    for t in range(T):
        inputs = [(weight[row] @ x[0, t] + bias[row]).item() for row in range(3 * H)]

        def from_state(row, values):
            return sum(recurrent[row, k].item() * values[k] for k in range(H))

        r = [1 / (1 + math.exp(-(inputs[k] + from_state(k, state)))) for k in range(H)]
        z = [1 / (1 + math.exp(-(inputs[H + k] + from_state(H + k, state)))) for k in range(H)]
        reset = [a * b for a, b in zip(r, state, strict=True)]
        n = [math.tanh(inputs[2 * H + k] + from_state(2 * H + k, reset)) for k in range(H)]
        state = [(1 - z[k]) * n[k] + z[k] * state[k] for k in range(H)]
        assert states[0, t].tolist() == pytest.approx(state, abs=1e-12)


@pytest.mark.parametrize(
    ("reset_bias", "equal"), [([60.0] * H, True), ([-1.5, -0.5, 0.5, 1.5], False)], ids=["open", "partly open"]
)
def test_the_forms_are_equal_where_the_gate_is_open(reset_bias, equal):
    x, h = torch.randn(B, T, INPUT).double(), torch.randn(B, H).double()
    weight, recurrent, bias, _ = (each.double() for each in weights(3))
    weight[:H], recurrent[:H], bias[:H] = 0.0, 0.0, torch.tensor(reset_bias)  # r = sigmoid(reset_bias)
    after = gru_reset_after(x, h, weight, recurrent, bias, torch.zeros_like(bias))
    assert torch.allclose(after, gru_reset_before(x, h, weight, recurrent, bias), rtol=1e-12, atol=1e-12) is equal


def test_parameters_of_lstm_and_gru_are_as_four_to_three():
    counts = [sum(each.numel() for each in layer(INPUT, H).parameters()) for layer in (nn.LSTM, nn.GRU, nn.RNN)]
    assert counts == [4 * counts[2], 3 * counts[2], H * INPUT + H * H + 2 * H]
