"""Networks of numeric series against PyTorch's GRU, a loop over the steps, and the layers written out."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from transduce.attention.positions import NoPositions, Sinusoidal, sinusoidal
from transduce.networks.series import SeriesGRUConfig, SeriesNetworkConfig, SeriesTransformerConfig

GRU = SeriesGRUConfig(d_model=6, layers=2, dropout=0.0, linear=False)
TRANSFORMER = SeriesTransformerConfig(d_model=8, heads=2, feed_forward=12, layers=2, dropout=0.0, linear=False)


def past(rows: int = 3, steps: int = 7, features: int = 2) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(rows, steps, features)


def test_the_gru_is_a_loop_over_the_steps() -> None:
    torch.manual_seed(0)
    network = GRU.build(features=2, history=7, horizon=4)
    weights, x = dict(network.recurrent.named_parameters()), past()
    states = list(x.unbind(1))
    for layer in range(2):
        w_input, w_state, b_input, b_state = (
            weights[f"{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        state = torch.zeros(len(x), 6)
        for number, step in enumerate(states):
            r_x, z_x, n_x = (step @ w_input.T + b_input).chunk(3, -1)
            r_h, z_h, n_h = (state @ w_state.T + b_state).chunk(3, -1)
            reset, update = (r_x + r_h).sigmoid(), (z_x + z_h).sigmoid()
            state = (1 - update) * (n_x + reset * n_h).tanh() + update * state
            states[number] = state
    linear = network.head.numbers
    expected = (states[-1] @ linear.weight.T + linear.bias).view(3, 4, 2)
    torch.testing.assert_close(network(x), expected)


def test_the_transformer_reads_the_last_state_of_its_encoder() -> None:
    torch.manual_seed(0)
    network, x = TRANSFORMER.build(features=2, history=7, horizon=4), past()
    hidden = network.input(x) + sinusoidal(torch.arange(7), 8)
    for layer in network.encoder.layers:
        packed = layer.self_attention.to_query_key_value(layer.self_attention_norm(hidden))
        query, key, value = (part.unflatten(-1, (2, 4)).transpose(1, 2) for part in packed.chunk(3, -1))
        attended = nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        hidden = hidden + layer.self_attention.to_output(attended)
        hidden = hidden + layer.feed_forward(layer.feed_forward_norm(hidden))
    torch.testing.assert_close(network(x), network.head(network.encoder.norm(hidden)[:, -1]))


@pytest.mark.parametrize(("positions", "sees"), [(NoPositions(), False), (Sinusoidal(), True)])
def test_the_order_of_the_steps_counts_through_positions_alone(positions, sees: bool) -> None:
    torch.manual_seed(0)
    network, x = replace(TRANSFORMER, positions=positions).build(2, 7, 1), past()
    swapped = x[:, [1, 0, 2, 3, 4, 5, 6]]
    assert torch.allclose(network(x), network(swapped), atol=1e-6) != sees


@pytest.mark.parametrize("config", [GRU, TRANSFORMER], ids=["gru", "transformer"])
def test_a_sine_is_continued(config: SeriesNetworkConfig) -> None:
    """Waves of random phases: the next 3 steps follow from the last 12."""
    torch.manual_seed(0)
    network = config.build(features=1, history=12, horizon=3)
    waves = (torch.rand(64, 1) * 6.28 + torch.arange(15) * 0.5).sin()[..., None]
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(100):
        loss = nn.functional.mse_loss(network(waves[:, :12]), waves[:, 12:])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.05  # the variance is 0.5


@pytest.mark.parametrize("config", [GRU, TRANSFORMER], ids=["gru", "transformer"])
def test_a_patch_is_one_token_of_all_numbers_of_its_steps(config) -> None:
    torch.manual_seed(0)
    network = replace(config, patch=3).build(features=2, history=12, horizon=4)
    x = past(steps=12)
    by_hand = torch.stack([x[:, begin : begin + 3].reshape(3, 6) for begin in (0, 3, 6, 9)], 1)
    torch.testing.assert_close(network(x), network.head(network.last_state(by_hand)))


@pytest.mark.parametrize("config", [GRU, TRANSFORMER], ids=["gru", "transformer"])
def test_the_linear_map_is_added_and_is_the_same_for_each_variable(config) -> None:
    torch.manual_seed(0)
    network, x = replace(config, linear=True).build(features=2, history=7, horizon=4), past()
    fresh = network(x)
    torch.nn.init.normal_(network.linear.steps.weight)
    added = torch.einsum("ht,btf->bhf", network.linear.steps.weight, x)
    torch.testing.assert_close(network(x), fresh + added)


def test_dropout_is_active_in_training_alone() -> None:
    for config in (replace(GRU, dropout=0.5, layers=1), replace(TRANSFORMER, dropout=0.5)):
        torch.manual_seed(0)
        network, x = config.build(2, 7, 1), past()
        assert not torch.equal(network(x), network(x))
        network.eval()
        assert torch.equal(network(x), network(x))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: replace(TRANSFORMER, heads=3), "d-model must be a multiple of heads, found 8 and 3"),
        (lambda: replace(GRU, patch=3).build(1, 7, 1), "history must be a multiple of patch, found 7 and 3; 6 is one"),
        (lambda: replace(TRANSFORMER, patch=3).build(1, 2, 1), "found 2 and 3; 3 is one"),
        (lambda: SeriesGRUConfig(layers=0), "layers must be 1 to 1,000, found 0"),
        (lambda: SeriesGRUConfig(dropout=1.0), "dropout must be at least 0 and below 1, found 1"),
    ],
)
def test_mistakes_are_refused(build, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
