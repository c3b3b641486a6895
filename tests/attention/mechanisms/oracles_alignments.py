"""Oracles of attention whose weights are a scan, a chain or a recurrence."""

import itertools
import math

import numpy as np
import torch
from oracles import build, oracle
from torch import nn
from torch.nn import functional as F

from transduce.attention.mechanisms.dynamic_convolutional import LOWEST_PRIOR, DynamicConvolution, beta_binomial
from transduce.attention.mechanisms.feedback import FeedbackMemory
from transduce.attention.mechanisms.mechanism import Attention
from transduce.attention.mechanisms.mocha import MonotonicChunkwise, chunkwise
from transduce.attention.mechanisms.monotonic import Monotonic
from transduce.attention.mechanisms.structured import chain_marginals
from transduce.attention.monotonic import hard_alignment, monotonic_alignment

# Monotonic attention and MoCHA


def scans(stops):
    """Probability and stops of all 2^(L S) scans of a matrix of stop probabilities; None where a scan has no stop."""
    queries, keys = stops.shape
    for bits in itertools.product((0, 1), repeat=queries * keys):
        choice = torch.tensor(bits).view(queries, keys)
        probability = torch.where(choice == 1, stops, 1 - stops).prod()
        places, start = [], 0
        for row in choice.tolist():
            start = next((j for j in range(start, keys) if row[j]), keys)
            places.append(start if start < keys else None)
        yield probability, places


def recursion(stops):
    """The recursion of Raffel et al., key by key: g_j = (1 - p_{j-1}) g_{j-1} + last_j and a_j = p_j g_j."""
    last = [torch.tensor(1.0).double()] + [torch.tensor(0.0).double()] * (stops.shape[1] - 1)
    rows = []
    for p in stops:
        row, reach = [], torch.tensor(0.0).double()
        for j in range(len(p)):
            reach = (1 - p[j - 1]) * reach + last[j] if j else last[0]
            row.append(p[j] * reach)
        last = row
        rows.append(torch.stack(row))
    return torch.stack(rows)


def energies(part, query, key):
    """g (v / |v|) . tanh(W q + U k + b) + r, pair by pair."""
    score, v = part.score, part.score.to_score.weight[0]
    pairs = [[torch.tanh(score.from_query(q) + score.from_key(k)) @ v for k in key] for q in query]
    return part.size * torch.stack([torch.stack(row) for row in pairs]) / v.norm() + part.offset


@oracle("monotonic", "all 4,096 scans of three queries and four keys")
def monotonic_enumeration():
    stops = torch.rand(3, 4).double()
    expected = torch.zeros(3, 4).double()
    for probability, places in scans(stops):
        for i, place in enumerate(places):
            if place is not None:
                expected[i, place] += probability
    yield monotonic_alignment(stops[None])[0], expected


@oracle("monotonic", "the recursion of the paper, key by key")
def monotonic_recursion():
    module, query, key, value = build("monotonic")
    expected = torch.stack([recursion(energies(module.energy, *row).sigmoid()) for row in zip(query, key, strict=True)])
    yield module.weights(query, key, value), expected
    yield module(query, key, value), expected @ value


@oracle("monotonic", "probabilities of 0 and 1: the one scan; probabilities of 1: always the first key")
def monotonic_limits():
    stops = torch.tensor([[0.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 1.0, 0.0]]).double()
    expected = torch.tensor([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]).double()
    yield monotonic_alignment(stops[None])[0], expected
    yield hard_alignment(0.2 + 0.6 * stops[None])[0], expected
    yield monotonic_alignment(torch.ones(1, 3, 4).double())[0], torch.eye(4)[[0, 0, 0]].double()


@oracle("mocha", "all 4,096 scans of three queries and four keys, each with the softmax of its chunk")
def mocha_enumeration():
    stops, scores = torch.rand(3, 4).double(), torch.randn(3, 4).double()
    expected = torch.zeros(3, 4).double()
    for probability, places in scans(stops):
        for i, place in enumerate(places):
            if place is not None:
                chunk = slice(max(0, place - 1), place + 1)
                expected[i, chunk] += probability * scores[i, chunk].softmax(0)
    yield chunkwise(monotonic_alignment(stops[None]), scores[None], chunk=2)[0], expected


@oracle("mocha", "the double sum of the paper; a chunk of one key: monotonic attention")
def mocha_sums():
    module, query, key, value = build("mocha", batch=1)
    a, u, w = recursion(module.stops(query, key)[0]), module.chunk_score(query, key)[0], module.chunk
    expected = torch.zeros_like(u)
    for i, j in itertools.product(range(len(u)), range(len(u[0]))):
        for k in range(j, min(j + w, len(u[0]))):
            expected[i, j] += a[i, k] * u[i, j].exp() / u[i, max(0, k - w + 1) : k + 1].exp().sum()
    yield module.weights(query, key, value)[0], expected
    single = MonotonicChunkwise(8, 8, chunk=1).double().eval()
    plain = Monotonic(8, 8).double().eval()
    plain.energy.load_state_dict(single.energy.state_dict())
    yield single(query, key, value), plain(query, key, value)


# Structured attention


def log_partition(unary, pairwise):
    """By enumeration of all assignments: their scores, and log Z."""
    assignments = list(itertools.product((0, 1), repeat=len(unary)))
    scores = []
    for z in assignments:
        pairs = sum(pairwise[i, z[i], z[i + 1]] for i in range(len(z) - 1))
        scores.append(sum(unary[i] * z[i] for i in range(len(z))) + pairs)
    return assignments, torch.stack(scores)


@oracle("structured", "all assignments of a chain; the gradient of log Z")
def structured_enumeration():
    unary, pairwise = torch.randn(6).double().requires_grad_(), torch.randn(5, 2, 2).double()
    assignments, scores = log_partition(unary, pairwise)
    expected = (scores.softmax(0)[:, None] * torch.tensor(assignments)).sum(0)
    yield chain_marginals(unary[None], pairwise[None])[0], expected
    yield chain_marginals(unary[None], pairwise[None])[0], torch.autograd.grad(scores.logsumexp(0), unary)[0]


@oracle("structured", "no pairs: sigmoid; places that are not allowed: the shorter chain")
def structured_limits():
    module, query, key, value = build("structured")
    nn.init.zeros_(module.normalise.pairs)
    yield module(query, key, value), (query @ key.mT / math.sqrt(8)).sigmoid() @ value
    pairs = torch.randn(2, 2).double()
    for present in ([0, 1, 4], [2, 3, 5], [1], [0, 5]):
        unary, allowed = torch.randn(6).double(), torch.zeros(6, dtype=torch.bool)
        allowed[present] = True
        assignments, scores = log_partition(unary[present], torch.ones(len(present) - 1, 2, 2) * pairs)
        expected = torch.zeros(6).double()
        expected[present] = (scores.softmax(0)[:, None] * torch.tensor(assignments)).sum(0)
        yield chain_marginals(unary[None], pairs.expand(1, 5, 2, 2), allowed[None])[0], expected


# Recurrent attention


@oracle("feedback", "loops with scaled_dot_product_attention over earlier memories")
def feedback():
    for span in (None, 2):
        module, x = FeedbackMemory(8, 3, span).double(), torch.randn(2, 5, 8).double()
        nn.init.normal_(module.mixture)
        mix, memories, outputs = module.mixture.softmax(0), [], []
        for t in range(5):
            states = [x[:, t]]
            for layer in module.layers:
                state = states[-1]
                if memories:
                    near = torch.stack(memories if span is None else memories[-span:], 1)
                    query = layer.to_query(layer.attention_norm(state))[:, None]
                    seen = F.scaled_dot_product_attention(query, module.to_key(near), module.to_value(near))
                    state = state + seen[:, 0] @ layer.to_output.weight.T
                inner = F.gelu(layer.feed_forward.inner(layer.feed_forward_norm(state)))
                states.append(state + layer.feed_forward.outer(inner))
            memories.append(sum(share * state for share, state in zip(mix, states, strict=True)))
            outputs.append(states[-1])
        yield module(x), torch.stack(outputs, 1)


@oracle("feedback", "one layer whose memory is the embedding: parallel attention to strictly earlier tokens")
def feedback_of_embeddings():
    module, x = FeedbackMemory(8, 1).double(), torch.randn(2, 5, 8).double()
    with torch.no_grad():
        module.mixture.copy_(torch.tensor([200.0, -200.0]))
    (layer,) = module.layers
    earlier = torch.ones(5, 5, dtype=torch.bool).tril(-1)
    query = layer.to_query(layer.attention_norm(x))
    seen = F.scaled_dot_product_attention(query[:, 1:], module.to_key(x), module.to_value(x), attn_mask=earlier[1:])
    hidden = x + layer.to_output(F.pad(seen, (0, 0, 1, 0)))
    yield module(x), hidden + layer.feed_forward(layer.feed_forward_norm(hidden))


@oracle("dynamic-convolutional", "loops over steps, keys and taps")
def dynamic_convolutional():
    module, query, value = build("dynamic-convolutional")
    prior = beta_binomial(10, 0.1, 0.9)
    half, keys = 10, value.shape[1]

    def filtered(taps, alignment, j):
        return sum(taps[k] * alignment[j + k - half] for k in range(len(taps)) if 0 <= j + k - half < keys)

    rows = []
    for row in query:
        alignment = F.one_hot(torch.tensor(0), keys).double()
        for q in row:
            chosen = (module.chooser[2].weight @ torch.tanh(module.chooser[0](q))).view(8, 21)
            energy = []
            for j in range(keys):
                static = torch.stack([filtered(taps, alignment, j) for taps in module.static.weight[:, 0]])
                dynamic = torch.stack([filtered(taps, alignment, j) for taps in chosen])
                hidden = torch.tanh(module.from_static(static) + module.from_dynamic(dynamic))
                reach = sum(prior[k] * alignment[j - k] for k in range(min(j, 10) + 1))
                energy.append(module.to_score.weight[0] @ hidden + reach.clamp(min=LOWEST_PRIOR).log())
            alignment = torch.stack(energy).softmax(0)
            rows.append(alignment)
    yield module.weights(query, value), torch.stack(rows).view(2, -1, keys)


@oracle("dynamic-convolutional", "scipy's Beta-Binomial distribution; without the network: the walk of the prior")
def dynamic_convolutional_prior():
    from scipy.stats import betabinom

    pmf = torch.from_numpy(betabinom.pmf(np.arange(11), 10, 0.1, 0.9))
    yield beta_binomial(10, 0.1, 0.9), pmf
    module = DynamicConvolution(3, hidden=4).double()
    nn.init.zeros_(module.to_score.weight)
    weights = module.weights(torch.randn(1, 4, 3).double(), torch.randn(1, 60, 2).double())[0]
    place = np.eye(60)[0]
    for step in range(4):
        # keys that the walk cannot reach have the floor of the prior in place of 0
        place = np.maximum(np.convolve(place, pmf)[:60], LOWEST_PRIOR)
        place = place / place.sum()
        yield weights[step], torch.from_numpy(place)
    mean = (weights * torch.arange(60)).sum(-1)
    yield (mean / torch.arange(1, 5)).round(decimals=2), torch.ones(4).double()  # one key for each step


def looped_feedback(module, query, key, features):
    """Additive attention whose energies have features(earlier rows) (S, C), step by step and key by key."""
    score, rows = module.score, []
    for q in query:
        extra = features(rows)
        energy = [
            score.to_score.weight[0]
            @ torch.tanh(score.from_query(q) + score.from_key(k) + module.from_features.weight @ extra[j])
            for j, k in enumerate(key)
        ]
        rows.append(torch.stack(energy).softmax(0))
    return torch.stack(rows)


@oracle("location-hybrid", "loops over steps, keys and taps; without location: additive attention")
def location_hybrid():
    module, query, key, value = build("location-hybrid")
    filters = module.features.filters.weight[:, 0]  # (C, K)

    def features(rows):
        last = rows[-1] if rows else torch.zeros(key.shape[1]).double()
        padded = [0.0, *last, 0.0]  # three taps
        return torch.stack([sum(filters[:, k] * padded[j + k] for k in range(3)) for j in range(len(last))])

    expected = torch.stack([looped_feedback(module, q, k, features) for q, k in zip(query, key, strict=True)])
    yield module(query, key, value), expected @ value
    nn.init.zeros_(module.from_features.weight)
    yield module(query, key, value), Attention(module.score)(query, key, value)


@oracle("coverage", "loops over steps and keys; without coverage: additive attention")
def coverage():
    module, query, key, value = build("coverage")

    def features(rows):
        return sum(rows, torch.zeros(key.shape[1]).double())[:, None]

    expected = torch.stack([looped_feedback(module, q, k, features) for q, k in zip(query, key, strict=True)])
    yield module(query, key, value), expected @ value
    nn.init.zeros_(module.from_features.weight)
    yield module(query, key, value), Attention(module.score)(query, key, value)


@oracle("visual-sentinel", "additive attention with the sentinel as one more key; a gate that is shut: no sentinel")
def visual_sentinel():
    module, hidden, cell, step_input, regions = build("visual-sentinel")
    with torch.no_grad():
        module.from_sentinel.weight.copy_(module.score.from_key.weight)
    sentinel = torch.sigmoid(step_input @ module.gate.weight.T) * torch.tanh(cell)
    for i in range(hidden.shape[1]):
        keys = torch.cat([regions, sentinel[:, i, None]], 1)
        yield (
            module(hidden, cell, step_input, regions)[:, i, None],
            Attention(module.score)(hidden[:, i, None], keys, keys),
        )
    score = module.score
    nn.init.normal_(module.from_sentinel.weight)
    own = torch.tanh(score.from_query(hidden) + module.from_sentinel(sentinel)) @ score.to_score.weight[0]
    share = own.exp() / (own.exp() + score(hidden, regions).exp().sum(-1))
    content = Attention(score)(hidden, regions, regions)
    mixed = share[..., None] * sentinel + (1 - share[..., None]) * content
    yield module(hidden, cell, step_input, regions), mixed
