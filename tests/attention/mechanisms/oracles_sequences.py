"""Oracles of the mechanisms between sequences: loops over the formula, PyTorch's attention function, limit cases."""

import math

import torch
from oracles import build, oracle
from torch.nn import functional as F

from transduce.attention.mechanisms.mechanism import Attention
from transduce.attention.mechanisms.multi_modal import MultiModal
from transduce.attention.mechanisms.multi_step import MultiStep
from transduce.attention.pooling import pool_weights
from transduce.attention.scores import Additive


def pooled(query, keys, values):
    """sum_j softmax_j(query . key_j) value_j for one query: PyTorch's attention function."""
    return F.scaled_dot_product_attention(query[None], keys, values, scale=1.0)[0]


def unscaled(query, key, value):
    return F.scaled_dot_product_attention(query, key, value, scale=1.0)


@oracle("masked", "scaled_dot_product_attention with a bool mask; each sample alone; log m added to the scores")
def masked():
    ours, query, key, value, _ = build("masked")
    allowed = torch.arange(6) < torch.tensor([[4], [6]])
    output = ours(query, key, value, allowed)
    yield output, F.scaled_dot_product_attention(query, key, value, attn_mask=allowed[:, None])
    for row, length in enumerate((4, 6)):
        alone = query[row], key[row, :length], value[row, :length]
        yield output[row], F.scaled_dot_product_attention(*alone)
    gaps = torch.tensor([[True, False, True, True, False, True]] * 2)
    scores = query @ key.mT / math.sqrt(8) + gaps.double().log()[:, None]
    yield ours.weights(query, key, value, gaps), scores.softmax(-1)


@oracle("local-predictive", "loops over the window of each query; a window without an end: global attention")
def local_predictive():
    ours, query, key, value = build("local-predictive")
    hidden, centre = ours.to_hidden.weight, ours.to_centre.weight[0]
    rows = []
    for q, keys, values in zip(
        query.flatten(0, 1), key.repeat_interleave(6, 0), value.repeat_interleave(6, 0), strict=True
    ):
        p = 6 * torch.sigmoid(centre @ torch.tanh(hidden @ q)).item()
        inside = [j for j in range(6) if abs(j - p) <= 2]
        weights = torch.stack([q @ keys[j] for j in inside]).softmax(0)
        factors = [math.exp(-((j - p) ** 2) / (2 * 1.0**2)) for j in inside]
        rows.append(sum(w * f * values[j] for w, f, j in zip(weights, factors, inside, strict=True)))
    yield ours(query, key, value), torch.stack(rows).view_as(query)


@oracle(
    "adaptive", "loops that multiply by m and divide by the sum; a span beyond the text: causal; no span: the own value"
)
def adaptive():
    ours, x = build("adaptive")
    ours.span.share.data = torch.tensor([0.1, 0.6]).double()
    query, key, value = ours.attention.split_heads(ours.attention.to_query_key_value(x), 2, 2, 2)
    scores = query @ key.mT / 2
    expected = torch.zeros_like(scores)
    for head, span in enumerate(ours.span.spans().tolist()):
        for i in range(6):
            m = torch.tensor([min(max((2 + span - (i - j)) / 2, 0.0), 1.0) for j in range(i + 1)], dtype=torch.double)
            row = m * scores[:, head, i, : i + 1].exp()
            expected[:, head, i, : i + 1] = row / row.sum(-1, keepdim=True)
    yield ours.weights(x), expected
    to_output = ours.attention.to_output
    yield ours(x), to_output((expected @ value).transpose(1, 2).flatten(2))
    ours.span.share.data, ours.span.longest = torch.ones(2).double(), 6
    causal = F.scaled_dot_product_attention(query, key, value, is_causal=True)
    yield ours(x), to_output(causal.transpose(1, 2).flatten(2))
    ours.span.share.data, ours.span.ramp = torch.zeros(2).double(), 1
    yield ours(x), to_output(value.transpose(1, 2).flatten(2))


@oracle("fine-grained", "an attention for each feature; one score for all features: additive attention in loops")
def fine_grained():
    ours, query, key, value = build("fine-grained")
    hidden = torch.tanh(ours.from_query(query)[:, :, None] + ours.from_key(key)[:, None])
    columns = [(hidden @ row).softmax(-1) @ value[..., n : n + 1] for n, row in enumerate(ours.to_scores.weight)]
    yield ours(query, key, value), torch.cat(columns, -1)
    with torch.no_grad():
        ours.to_scores.weight[1] = ours.to_scores.weight[0]
    score = Additive(8, 8, 8).double()
    score.from_query, score.from_key = ours.from_query, ours.from_key
    score.to_score.weight.data = ours.to_scores.weight[:1]
    yield ours(query, key, value), Attention(score)(query, key, value)


def additive_pool(part, x):
    """AdditivePooling of one set, vector by vector."""
    weights = torch.stack([part.query @ torch.tanh(part.to_key(each)) for each in x]).softmax(0)
    return sum(weight * each for weight, each in zip(weights, x, strict=True))


@oracle(
    "hierarchical",
    "loops over sentences and words; one sentence; zero queries: means; logsumexp of word scores: one softmax",
)
def hierarchical():
    ours, x = build("hierarchical")
    documents = [torch.stack([additive_pool(ours.words, sentence) for sentence in document]) for document in x]
    yield ours(x), torch.stack([additive_pool(ours.sentences, document) for document in documents])
    yield torch.einsum("bnw,bnwd->bd", ours.weights(x), x), ours(x)
    yield ours(x[:, :1]), torch.stack([additive_pool(ours.words, document[0]) for document in x])
    scores = torch.randn(2, 3, 5).double()
    one = torch.ones(1).double()
    of_words = pool_weights(one, scores.unsqueeze(-1)).squeeze(-2)
    of_sentences = pool_weights(one, scores.logsumexp(-1, keepdim=True)).transpose(-2, -1)
    yield (of_sentences * of_words).flatten(1), scores.flatten(1).softmax(-1)
    with torch.no_grad():
        ours.words.query.zero_()
        ours.sentences.query.zero_()
    yield ours(x), x.mean(2).mean(1)


@oracle("multi-view", "loops over the views; equal views: equal weights; one view")
def multi_view():
    ours, x = build("multi-view")
    yield ours(x), torch.stack([additive_pool(ours, each) for each in x])
    equal = x[:, :1].expand(-1, 4, -1)
    yield ours.weights(equal), torch.full((2, 1, 4), 0.25).double()
    yield ours(x[:, :1]), x[:, 0]


@oracle("time-based", "loops with one network on [d, s, h]; one step")
def time_based():
    ours, states, hidden, cell = build("time-based")
    joint = torch.cat([ours.score.from_query.weight, ours.score.from_key.weight], 1)
    v, bias = ours.score.to_score.weight[0], ours.score.from_query.bias
    rows = []
    for h, d, s in zip(states, hidden, cell, strict=True):
        weights = torch.stack([v @ torch.tanh(joint @ torch.cat([d, s, each]) + bias) for each in h]).softmax(0)
        rows.append(sum(weight * each for weight, each in zip(weights, h, strict=True)))
    yield ours(states, hidden, cell), torch.stack(rows)
    yield ours(states[:, :1], hidden, cell), states[:, 0]


@oracle(
    "multi-modal", "loops over modalities; equal modalities: equal weights; a missing modality: a module without it"
)
def multi_modal():
    ours, state, *streams = build("multi-modal")

    def context(score, s, stream):
        scores = [score.to_score(torch.tanh(score.from_query(s) + score.from_key(x)))[0] for x in stream]
        return torch.stack(scores).softmax(0) @ stream

    rows = []
    for b, s in enumerate(state):
        contexts = [context(score, s, stream[b]) for score, stream in zip(ours.within, streams, strict=True)]
        keys = [torch.tanh(ours.state_to_key(s) + m(c)) for m, c in zip(ours.to_key, contexts, strict=True)]
        beta = torch.stack([ours.query @ key for key in keys]).softmax(0)
        values = [m(c) for m, c in zip(ours.to_value, contexts, strict=True)]
        rows.append(torch.tanh(ours.from_state(s) + sum(b * v for b, v in zip(beta, values, strict=True))))
    yield ours(state, *streams), torch.stack(rows)

    two = MultiModal([8, 8], 8, 8).double()
    weights = ours.state_dict()
    two.load_state_dict({name: weights[name.replace(".1.", ".2.")] for name in two.state_dict()})
    present = torch.tensor([[True, False, True]] * 2)
    yield ours(state, *streams, present=present), two(state, streams[0], streams[2])

    for part in (ours.within, ours.to_key, ours.to_value):
        for other in part[1:]:
            other.load_state_dict(part[0].state_dict())
    yield ours.weights(state, *[streams[0]] * 3), torch.full((2, 1, 3), 1 / 3, dtype=torch.double)


@oracle("memory", "scaled_dot_product_attention with scale 1, hop after hop; a zero output map: the question")
def memory():
    ours, question, facts = build("memory")
    memories = [facts @ part.weight.t() for part in ours.maps]
    u = question
    for hop in range(3):
        u = u + unscaled(u[:, None], memories[hop], memories[hop + 1]).squeeze(1)
    yield ours(question, facts), u
    with torch.no_grad():
        for part in ours.maps[1:]:
            part.weight.zero_()
    yield ours(question, facts), question


@oracle("dual", "loops over steps; one region and one word: a closed form; no steps: the first memory")
def dual():
    ours, regions, words = build("dual")

    def attended(gate, x, m):
        scores = [
            gate.score @ (torch.tanh(gate.to_key.weight @ each) * torch.tanh(gate.to_query.weight @ m)) for each in x
        ]
        return torch.stack(scores).softmax(0) @ x

    rows = []
    for v, u in zip(regions, words, strict=True):
        m = torch.tanh(ours.first_to_word(v.mean(0))) * u.mean(0)
        for of_regions, of_words, to_word in zip(ours.regions, ours.words, ours.to_word, strict=True):
            m = m + torch.tanh(to_word(attended(of_regions, v, m))) * attended(of_words, u, m)
        rows.append(m)
    yield ours(regions, words), torch.stack(rows)
    v, u = regions[:, 0], words[:, 0]
    maps = (ours.first_to_word, *ours.to_word)
    yield ours(regions[:, :1], words[:, :1]), sum(torch.tanh(to_word(v)) * u for to_word in maps)
    first = torch.tanh(ours.first_to_word(regions.mean(1))) * words.mean(1)
    ours.regions, ours.words, ours.to_word = ours.regions[:0], ours.words[:0], ours.to_word[:0]
    yield ours(regions, words), first


@oracle("co-attention", "the formula in the paper's columns; one region; no affinity: two additive poolings")
def co_attention():
    ours, regions, words = build("co-attention")
    w_b, w_v, w_q = ours.affinity.to_key.weight, ours.from_regions.weight, ours.from_words.weight
    rows = []
    for v, q in zip(regions.mT, words.mT, strict=True):  # (D, N), (D, T)
        c = torch.tanh(q.t() @ w_b.t() @ v)
        h_v = torch.tanh(w_v @ v + (w_q @ q) @ c)
        h_q = torch.tanh(w_q @ q + (w_v @ v) @ c.t())
        rows.append(torch.cat([v @ (ours.region_query @ h_v).softmax(-1), q @ (ours.word_query @ h_q).softmax(-1)]))
    yield ours(regions, words), torch.stack(rows)
    yield ours(regions[:, :1], words)[:, :8], regions[:, 0]
    with torch.no_grad():
        w_b.zero_()
    for side, (x, weight, query) in enumerate(((regions, w_v, ours.region_query), (words, w_q, ours.word_query))):
        expected = torch.stack([pooled(query, torch.tanh(each @ weight.t()), each) for each in x])
        yield ours.both(regions, words)[side], expected


@oracle("multi-step", "scaled_dot_product_attention with scale 1, step after step; zero queries: the mean at each step")
def multi_step():
    ours, hidden, target, states, source = build("multi-step")
    h = hidden
    for step in ours.to_query:
        h = h + unscaled(h @ step.weight.t() + step.bias + target, states, states + source)
    yield ours(hidden, target, states, source), h
    with torch.no_grad():
        for step in ours.to_query:
            step.weight.zero_()
            step.bias.zero_()
    mean = (states + source).mean(1, keepdim=True)
    yield ours(hidden, 0 * target, states, source), hidden + 2 * mean
    one = MultiStep(8, 1).double()
    query = one.to_query[0](hidden) + target
    yield one(hidden, target, states, source), hidden + unscaled(query, states, states + source)


@oracle(
    "contrastive",
    "loops over words; equal sentences of sharp vectors: no difference; a masked word: a shorter sentence",
)
def contrastive():
    ours, first, second = build("contrastive")

    def compared(x, others):
        rows = []
        for a in x:
            counterpart = torch.stack([a @ b for b in others]).softmax(0) @ others
            rows.append(torch.cat([a, counterpart, a - counterpart, a * counterpart]))
        return torch.stack(rows)

    for b in range(2):
        expected = torch.cat([compared(first[b], second[b]), compared(second[b], first[b])])
        yield ours(first, second)[b], expected
    sharp = 10 * torch.eye(5, 8)[None].double()
    yield ours.both(sharp, sharp)[0][..., 16:24], torch.zeros(1, 5, 8).double()
    real = torch.tensor([[True, True, True, False]] * 2)
    yield ours.both(first, second, second_allowed=real)[0], ours.both(first, second[:, :3])[0]


@oracle("opponent", "loops over all keys but the best; two keys: the value of the other one")
def opponent():
    ours, query, key, value = build("opponent")
    scores = query @ key.mT / math.sqrt(8)
    rows = []
    for s, v in zip(scores.flatten(0, 1), value.repeat_interleave(6, 0), strict=True):
        others = [j for j in range(6) if j != int(s.argmax())]
        rows.append(s[others].softmax(0) @ v[others])
    output = ours(query, key, value)
    yield output[..., 8:], torch.stack(rows).view_as(query)
    yield output[..., :8], F.scaled_dot_product_attention(query, key, value)
    two = query, key[:, 1:3], value[:, 1:3]
    worse = (query @ two[1].mT).argmin(-1, keepdim=True)
    yield ours(*two)[..., 8:], two[2].gather(1, worse.expand(-1, -1, 8))


@oracle("multi-level", "loops; zero scores: the mean; one level alone; one output: a scalar mix")
def multi_level():
    ours, levels = build("multi-level")
    shares = [[math.exp(s) / sum(math.exp(t) for t in row) for s in row] for row in ours.scores.tolist()]
    mixtures = [sum(share * levels[:, k] for k, share in enumerate(row)) for row in shares]
    yield ours(levels), torch.stack(mixtures, 1)
    yield ours(levels)[:, :1], mixtures[0][:, None]
    with torch.no_grad():
        ours.scores.zero_()
    yield ours(levels), levels.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    with torch.no_grad():
        ours.scores[1] = torch.tensor([0.0, 0.0, 1000.0, 0.0])
    yield ours(levels)[:, 1], levels[:, 2]
