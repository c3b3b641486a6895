"""Layers of LSTM cells (Hochreiter and Schmidhuber 1997; Gers et al. 2000) or GRU cells (Cho et al. 2014, 1406.1078).

Letters: B sentences, N rows, S source tokens, T steps, X width of the input, D width of the states.
"""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from transduce.layers.dropout import Dropout

CellName = Literal["lstm", "gru"]
CellState = tuple[Tensor, ...]  # (h, c) of LSTM cells, (h,) of GRU cells


class Cells(nn.Module):
    """One layer of cells in one direction, by PyTorch's fused kernel over as many steps as it gets."""

    def __init__(self, cell: CellName, width_in: int, width: int) -> None:
        super().__init__()
        self.recurrence = recurrence(cell, width_in, width)

    def forward(self, x: Float[Tensor, "N T X"], state: CellState) -> tuple[Float[Tensor, "N T D"], CellState]:
        first = tuple(each[None].contiguous() for each in state)
        output, last = self.recurrence(x, first if len(first) > 1 else first[0])
        return output, tuple(each[0] for each in (last if isinstance(last, tuple) else (last,)))


def recurrence(cell: CellName, width_in: int, width: int, bidirectional: bool = False) -> nn.LSTM | nn.GRU:
    """PyTorch's layer with its own initial weights; the forget gates of LSTM cells begin open, with a bias of 1
    (Jozefowicz et al. 2015).
    """
    if cell == "gru":
        return nn.GRU(width_in, width, batch_first=True, bidirectional=bidirectional)
    layer = nn.LSTM(width_in, width, batch_first=True, bidirectional=bidirectional)
    with torch.no_grad():
        for name, bias in layer.named_parameters():
            if name.startswith("bias_ih"):  # input, forget, cell and output gate, each `width` wide
                bias[width : 2 * width] = 1.0
    return layer


class Encoder(nn.Module):
    """Layers of cells; in both directions each has D / 2 cells, so that the states are D wide."""

    def __init__(self, cell: CellName, width: int, layers: int, bidirectional: bool, dropout: float) -> None:
        super().__init__()
        units = width // 2 if bidirectional else width
        self.layers = nn.ModuleList(recurrence(cell, width, units, bidirectional) for _ in range(layers))
        self.drop = Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B S D"], lengths: Int[Tensor, " B"]
    ) -> tuple[Float[Tensor, "B S D"], Float[Tensor, "B D"]]:
        """The states of the last layer, 0 at padding, and its last h of each row: the backward direction's is at token 0."""
        # packed, the backward direction begins at the last token of each row, not at the padding
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        last: Tensor
        for number, layer in enumerate(self.layers):
            if number > 0:
                data, *rest = packed
                packed = PackedSequence(self.drop(data), *rest)
            packed, state = layer(packed)
            last = state[0] if isinstance(state, tuple) else state
        states, _ = pad_packed_sequence(packed, batch_first=True, total_length=x.shape[1])
        return states, last.transpose(0, 1).flatten(1)  # (directions, B, units) -> (B, D)
