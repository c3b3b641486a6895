"""The worked examples of the layers hold the right values, by the reference and by torch.nn."""

import math

import pytest
import torch

from transduce.workflows.layer.run import ALL, as_rows, example_text, page

THIRD = 1 / 3
RIGHT = {
    "conv2d": [[0.5, 0.5], [0.5, 0.5]],  # the bias everywhere
    "max-pool2d": [[5, 8], [4, 9]],
    "average-pool2d": [[2.75, 5], [2.5, 4.25]],
    "upsample-nearest": [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]],
    "upsample-bilinear": [[1, 1.25, 1.75, 2], [1.5, 1.75, 2.25, 2.5], [2.5, 2.75, 3.25, 3.5], [3, 3.25, 3.75, 4]],
    "upsample-bilinear-aligned": [[1 + 2 * i * THIRD + j * THIRD for j in range(4)] for i in range(4)],
    "transposed-conv2d": [[1, 0, 3, 0, 2], [0, 1, 0, 2, 0], [4, 0, 10, 0, 6], [0, 3, 0, 4, 0], [3, 0, 7, 0, 4]],
    "dropout": [2, 0, 0, 8, 0],
    "batch-norm": [[gamma * (4 * row - 16) / math.sqrt(320 / 3) - gamma for gamma in (1, 2, 3, 4)] for row in range(9)],
    "layer-norm": [[-2.2247, -2.0, 0.6742]] * 2,
    "instance-norm": [[-1.3416, -0.4472, 0.4472, 1.3416]] * 6,
    "group-norm": [
        (value - mean) / 13.8534 for mean, first in ((24.5, 1), (72.5, 49)) for value in range(first, first + 48)
    ],
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_values(name):
    example = ALL[name].example()
    expected = torch.tensor(RIGHT[name], dtype=torch.float32)
    for outputs in (example.outputs, example.torch_outputs):
        torch.testing.assert_close(outputs["y"].reshape(expected.shape), expected, rtol=1e-4, atol=1e-4)


def test_the_first_row_of_the_batch_norm():
    first = ALL["batch-norm"].example().outputs["y"][0, 0].tolist()
    assert first == pytest.approx([-2.5492, -5.0984, -7.6476, -10.1968], abs=1e-4)


def test_states_of_the_recurrent_layers_with_weights_one_half():
    """Of the inputs 1, 0, 1, 0, by the equations for single numbers."""
    h = c = state = simple = 0.0
    expected = {"lstm": [], "gru-reset-after": [], "simple-rnn": []}
    for x in (1.0, 0.0, 1.0, 0.0):
        gate = 1 / (1 + math.exp(-0.5 * (x + h)))
        c = gate * c + gate * math.tanh(0.5 * (x + h))
        h = gate * math.tanh(c)
        expected["lstm"].append(h)
        r = z = 1 / (1 + math.exp(-0.5 * (x + state)))
        state = (1 - z) * math.tanh(0.5 * x + r * 0.5 * state) + z * state
        expected["gru-reset-after"].append(state)
        simple = math.tanh(0.5 * (x + simple))
        expected["simple-rnn"].append(simple)
    for name, states in expected.items():
        example = ALL[name].example()
        assert example.outputs["h"].flatten().tolist() == pytest.approx(states, abs=1e-6)
        assert example.torch_outputs["h"].flatten().tolist() == pytest.approx(states, abs=1e-6)
    assert ALL["gru-reset-before"].example().outputs["h"].flatten().tolist() == pytest.approx(
        expected["gru-reset-after"], abs=1e-6
    )


def test_the_middle_of_the_transposed_upsampling_is_the_bilinear_one():
    middle = ALL["upsample-transposed"].example().outputs["y"][0, 0, 2:-2, 2:-2]
    torch.testing.assert_close(middle, torch.tensor(RIGHT["upsample-bilinear"]))


@pytest.mark.parametrize("name", ALL)
def test_every_page(name):
    entry = page(name)
    layer = entry.layer
    assert entry.difference is None or entry.difference <= 1e-6
    assert entry.example.torch_outputs.keys() <= entry.example.outputs.keys()
    assert all(value.isfinite().all() for value in entry.example.outputs.values())
    texts = (layer.purpose, layer.formula, layer.shapes, layer.source, layer.module, layer.parameters, layer.cost)
    assert all(texts) and layer.purpose.endswith(".") and all(note.endswith(".") for note in layer.notes)
    assert (entry.example.parameters == 0) is (layer.parameters.startswith("none"))
    assert all(name in example_text(entry) for name in entry.example.outputs)


def test_tensors_as_rows_of_numbers():
    assert as_rows(torch.arange(4.0).view(1, 2, 2), None) == (["0", "1"], [[0, 1], [2, 3]])
    assert as_rows(torch.arange(4.0).view(2, 1, 2), 1) == (["0", "1"], [[0, 1], [2, 3]])
    assert as_rows(torch.arange(8.0).view(2, 2, 2), None)[0] == ["0,0", "0,1", "1,0", "1,1"]
    assert as_rows(torch.tensor(2.0), None) == ([""], [[2]])
