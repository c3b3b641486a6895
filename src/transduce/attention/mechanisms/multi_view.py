"""Multi-view attention: several encodings of one thing are pooled by learned weights."""

import torch

from transduce.attention.mechanisms.mechanism import Mechanism
from transduce.attention.pooling import AdditivePooling

VIEWS = ("title", "body", "category", "author")

MULTI_VIEW = Mechanism(
    name="multi-view",
    purpose="Weights several views of one thing, each with an encoder of its own, by their content.",
    formula="r = sum_v a_v r_v with a = softmax_v(q . tanh(U r_v + b))",
    paper="Wu et al. 2019, Neural News Recommendation with Attentive Multi-View Learning, 1907.05576 (NAML)",
    cost="time and memory V * D * A; D A + 2 A parameters for a hidden width A",
    kind="arrangement",
    build=lambda width: AdditivePooling(width, width),
    shapes="(B, V, D) -> (B, D)",
    inputs=lambda batch, width: (torch.randn(batch, len(VIEWS), width),),
    sides=(("article",), VIEWS),
    caption="The weight of each view.",
    note="The name has several uses; here each view has an encoder. One level of hierarchical attention, over "
    "views; a missing view is a masked one.",
)
