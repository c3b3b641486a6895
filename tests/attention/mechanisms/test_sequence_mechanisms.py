"""The mechanisms between sequences: what pairs of tensors cannot show."""

import pytest
import torch
from oracles import build
from torch.nn import functional as F

from transduce.attention.mask import Mask
from transduce.attention.masks import by_table
from transduce.attention.mechanisms.convolutional import Convolutional
from transduce.attention.mechanisms.cross_modal import CrossModal
from transduce.attention.mechanisms.entmax_attention import EntmaxAttention
from transduce.attention.mechanisms.local_predictive import LocalPredictive
from transduce.attention.mechanisms.masked_language_modeling import IGNORE, corrupt, masked_loss
from transduce.attention.mechanisms.multi_head import MultiHead
from transduce.attention.mechanisms.opponent import opponent_loss
from transduce.attention.mechanisms.set_attention import InducedSetAttention, SetPooling
from transduce.attention.normalisers import Entmax

REAL = [0, 2, 3]  # places that are no padding, in inputs of at least four places

# Mechanisms with an argument `allowed`: the inputs that it describes, and whether the output has a row for each place of it.
PADDED = {
    "masked": ((1, 2), False),
    "cross": ((1,), False),
    "cross-modal": ((1,), False),
    "task-specific": ((0,), False),
    "set": ((0,), True),
    "time-based": ((0,), False),
    "multi-view": ((0,), False),
    "memory": ((1,), False),
    "dual": ((1,), False),
    "co-attention": ((1,), False),
    "multi-step": ((2, 3), False),
    "dual-stream": ((0,), True),
}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(3)


def floats(inputs):
    return tuple(each for each in inputs if each.is_floating_point())


@pytest.mark.parametrize("name", PADDED)
def test_padding_even_of_nan_gives_the_output_without_it(name):
    places, a_row_for_each = PADDED[name]
    module, *inputs = build(name)
    inputs = list(floats(inputs))
    if name == "dual":
        inputs[1] = torch.randn(2, 5, 8).double()
    length = inputs[places[0]].shape[1]
    allowed = torch.tensor([place in REAL for place in range(length)]).expand(2, -1)
    short, padded = list(inputs), list(inputs)
    for place in places:
        short[place] = inputs[place][:, REAL]
        padded[place] = inputs[place].masked_fill(~allowed[..., None], torch.nan).requires_grad_()
    every = torch.ones(2, len(REAL), dtype=torch.bool)
    output, expected = module(*padded, allowed=allowed), module(*short, allowed=every)
    if a_row_for_each:
        output = output[:, REAL]
    torch.testing.assert_close(output, expected)
    leaves = [padded[place] for place in places] + list(module.parameters())
    for gradient in torch.autograd.grad(output.square().sum(), leaves, allow_unused=True):
        assert gradient is None or gradient.isfinite().all()
    (gradient,) = torch.autograd.grad(module(*padded, allowed=allowed)[:, :1].sum(), leaves[:1])
    assert (gradient[~allowed] == 0).all()


def test_padding_of_nan_beside_global_tokens():
    module, x, is_global = build("global-local")
    allowed = torch.arange(7).expand(2, -1) < 5
    output = module(x.masked_fill(~allowed[..., None], torch.nan), is_global, allowed)
    torch.testing.assert_close(output[:, :5], module(x[:, :5], is_global[:, :5]))
    assert (module.weights(x, is_global, allowed)[..., 5:] == 0).all()


def test_padding_of_nan_in_both_sentences():
    module, first, second = build("contrastive")
    allowed = torch.arange(5).expand(2, -1) < 3, torch.arange(4).expand(2, -1) < 2
    padded = (x.masked_fill(~each[..., None], torch.nan) for x, each in zip((first, second), allowed, strict=True))
    outputs = module.both(*padded, *allowed)
    expected = module.both(first[:, :3], second[:, :2])
    torch.testing.assert_close(outputs[0][:, :3], expected[0])
    torch.testing.assert_close(outputs[1][:, :2], expected[1])


@pytest.mark.parametrize("name", ["multi-head", "single-head", "fine-grained", "opponent"])
def test_a_mask_hides_keys_and_a_row_without_keys_gives_zeros(name):
    module, query, key, value = build(name)
    allowed = torch.rand(6, 6) < 0.7
    allowed[:, 2], allowed[1] = False, False
    key, value = key.clone().requires_grad_(), value.clone().requires_grad_()
    output = module(query, key, value, by_table(allowed))
    assert (output[:, 1] == 0).all()  # biases of linear maps are zero at first
    for gradient in torch.autograd.grad(output.square().sum(), (key, value)):
        assert gradient.isfinite().all() and (gradient[:, 2] == 0).all()


def test_a_masked_row_without_keys_gives_zeros_and_a_mask_of_numbers_is_refused():
    module, query, key, value, _ = build("masked")
    none = torch.zeros(2, 6, dtype=torch.bool)
    leaf = value.clone().requires_grad_()
    output = module(query, key, leaf, none)
    assert (output == 0).all()
    assert (torch.autograd.grad(output.sum(), leaf)[0] == 0).all()
    allowed = torch.tensor([[True, False, False, False, False, False]] * 2)
    torch.testing.assert_close(module(query, key, value, allowed), value[:, :1].expand(-1, 4, -1))  # True may be seen


def test_self_and_set_attention_permute_with_their_inputs():
    order = torch.tensor([3, 0, 4, 1, 2])
    x = torch.randn(2, 5, 8).double()
    for module in (build("self")[0], build("set")[0], InducedSetAttention(8, 2, points=3).double()):
        torch.testing.assert_close(module(x[:, order]), module(x)[:, order])
    pooling = SetPooling(8, 2, seeds=2).double()
    torch.testing.assert_close(pooling(x[:, order]), pooling(x))


def test_a_zero_seed_pools_with_equal_weights():
    pooling, x = SetPooling(8, 2, seeds=1).double(), torch.randn(2, 5, 8).double()
    with torch.no_grad():
        pooling.seeds.zero_()
    elements = pooling.linear(x).relu()
    weights = pooling.block.attention.weights(pooling.seeds.expand(2, -1, -1), elements, elements)
    torch.testing.assert_close(weights, torch.full((2, 2, 1, 5), 0.2).double())


def test_cross_attention_to_one_state_does_not_depend_on_the_query():
    module, x, states = build("cross")
    torch.testing.assert_close(module(x, states[:, :1]), module(torch.randn_like(x), states[:, :1]))


def test_a_sentence_of_padding_has_no_influence():
    module, x = build("hierarchical")
    allowed = torch.ones(2, 3, 5, dtype=torch.bool)
    allowed[:, 1], allowed[:, 2, 3:] = False, False
    expected = module(x[:, [0, 2]], allowed[:, [0, 2]])
    torch.testing.assert_close(module(x.masked_fill(~allowed[..., None], torch.nan), allowed), expected)
    assert (module.weights(x, allowed)[~allowed] == 0).all()


def test_convolutional_attention_sees_no_later_step():
    module, x = build("convolutional")
    later = torch.cat([x[:, :5], torch.randn(2, 3, 8).double()], 1)
    torch.testing.assert_close(module(later)[:, :5], module(x)[:, :5])
    hidden = Mask(lambda b, h, q, k: (k != 2) | (q == 2))
    assert (module.weights(x, hidden)[:, :, 3:, 2] == 0).all()


def test_corruption_of_tokens():
    tokens = torch.randint(5, 100, (200, 500))
    corrupted, targets = corrupt(tokens, mask=0, vocabulary=100, generator=torch.Generator().manual_seed(1))
    again = corrupt(tokens, mask=0, vocabulary=100, generator=torch.Generator().manual_seed(1))
    assert torch.equal(again.tokens, corrupted) and torch.equal(again.targets, targets)
    hidden = targets != IGNORE
    assert torch.equal(targets[hidden], tokens[hidden]) and torch.equal(corrupted[~hidden], tokens[~hidden])
    assert hidden.double().mean().item() == pytest.approx(0.15, abs=0.005)
    same = corrupted[hidden] == tokens[hidden]
    assert (corrupted[hidden] == 0).double().mean().item() == pytest.approx(0.801, abs=0.015)  # random tokens may be 0
    assert same.double().mean().item() == pytest.approx(0.101, abs=0.015)


def test_masked_language_models_look_both_ways_and_not_at_the_hidden_token():
    module, tokens = build("masked-language-modeling")
    jacobian = torch.autograd.functional.jacobian(
        lambda table: torch.func.functional_call(module, {"positions.weight": table}, tokens[:1])[0, 2],
        module.positions.weight.detach(),
    )
    by_position = jacobian.abs().sum((0, 2))
    assert (by_position[:6] > 0).all() and (by_position[6:] == 0).all()
    corrupted = corrupt(tokens, 0, 16, torch.Generator().manual_seed(1), share=0.6).tokens
    hidden = (corrupted == 0) & (tokens != 0)
    assert hidden.any(1).all()
    other = corrupt(tokens.masked_fill(hidden, 9), 0, 16, torch.Generator().manual_seed(1), share=0.6).tokens
    assert torch.equal(module(other), module(corrupted))
    with pytest.raises(ValueError, match="32 positions, found 40 tokens"):
        module(tokens[:, :1].expand(-1, 40))


def test_the_masked_loss_ignores_other_tokens():
    logits, targets = torch.randn(1, 3, 5).double().requires_grad_(), torch.tensor([[IGNORE, 2, IGNORE]])
    loss = masked_loss(logits, targets)
    torch.testing.assert_close(loss, F.cross_entropy(logits[:, 1], targets[:, 1]))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient[:, [0, 2]] == 0).all() and (gradient[:, 1] != 0).all()
    assert masked_loss(logits, torch.full_like(targets, IGNORE)).item() == 0


def test_a_task_learns_through_its_own_query():
    module, states = build("task-specific")
    (gradient,) = torch.autograd.grad(module(states)[:, 0].square().sum(), module.queries)
    assert (gradient[0] != 0).any() and (gradient[1:] == 0).all()
    with torch.no_grad():
        module.queries[1] = module.queries[0]
    torch.testing.assert_close(module(states)[:, 1], module(states)[:, 0])


def test_the_order_of_a_memory_of_views_and_of_regions_has_no_influence():
    module, question, facts = build("memory")
    torch.testing.assert_close(module(question, facts.flip(1)), module(question, facts))
    torch.testing.assert_close(module.weights(question, facts[:, :1]), torch.ones(2, 3, 1).double())
    module, views = build("multi-view")
    torch.testing.assert_close(module(views.flip(1)), module(views))
    for name in ("dual", "co-attention"):
        module, regions, words = build(name)
        torch.testing.assert_close(module(regions.flip(1), words), module(regions, words))


def test_swapped_inputs_and_parameters_swap_the_outputs():
    module, first, second = build("contrastive")
    assert all(
        torch.equal(*pair) for pair in zip(module.both(first, second), module.both(second, first)[::-1], strict=True)
    )

    module, regions, words = build("co-attention")
    expected = module.both(regions, words)[::-1]
    module.from_regions, module.from_words = module.from_words, module.from_regions
    module.region_query, module.word_query = module.word_query, module.region_query
    module.affinity.to_key.weight.data = module.affinity.to_key.weight.data.t()
    torch.testing.assert_close(module.both(words, regions), expected)

    module, words, regions = build("dual-stream")
    module.regions.load_state_dict(module.words.state_dict())
    torch.testing.assert_close(module.both(regions, words), module.both(words, regions)[::-1])


def test_spans_have_a_gradient_where_a_key_is_at_the_end_of_the_ramp():
    module, x = build("adaptive")
    assert module.span.spans().tolist() == [2, 2]  # the key four places back has m = 0 exactly

    def output(share):
        return torch.func.functional_call(module, {"span.share": share}, x)

    share = torch.full((2,), 0.5).double().requires_grad_()
    (gradient,) = torch.autograd.grad(output(share).square().sum(), share)
    assert gradient.isfinite().all()
    assert torch.autograd.gradcheck(output, torch.tensor([0.3, 0.6]).double().requires_grad_())
    hidden = Mask(lambda b, h, q, k: (k != 1) | (q == 1))
    weights = module.weights(x, hidden)
    assert (weights[:, :, 2:, 1] == 0).all() and (weights[:, :, 5, :2] == 0).all()


def test_the_query_stream_does_not_see_its_own_token():
    module, content, query, places = build("two-stream")
    jacobian = torch.autograd.functional.jacobian(lambda x: module.both(x, query[:1], places[:1])[1][0], content[:1])
    for i, place in enumerate(places[0].tolist()):
        for j, other in enumerate(places[0].tolist()):
            assert bool((jacobian[i, :, 0, j] == 0).all()) == (other >= place)
    first = places[0].tolist().index(0)
    new_query = module.both(content, query, places)[1]
    torch.testing.assert_close(new_query[:, first], module.attention.to_output.bias.expand(2, -1))
    assert (module.weights(content, query, places)[:, :, first] == 0).all()


def test_the_opponent_of_one_key_is_zero_and_its_loss_pulls_predictions_away():
    module, query, key, value = build("opponent")
    output = module(query, key[:, :1], value[:, :1])
    torch.testing.assert_close(output[..., :8], value[:, :1].expand(-1, 6, -1))
    assert (output[..., 8:] == 0).all()
    logits, target = torch.randn(1, 4).double().requires_grad_(), torch.tensor([1])
    loss = opponent_loss(logits, target)
    torch.testing.assert_close(loss, -torch.log(F.softmin(logits, -1)[0, 1]))
    assert torch.autograd.grad(loss, logits)[0][0, 1] > 0


def test_a_predicted_centre_is_a_share_of_the_keys_that_are_no_padding():
    module, query, key, value = build("local-predictive")
    sums = module.weights(query, key, value).sum(-1)
    assert (sums < 1).all() and (sums > 0).all()
    real = Mask(lambda b, h, q, k: k < 4)
    torch.testing.assert_close(module(query, key, value, real), module(query, key[:, :4], value[:, :4]))


def test_a_missing_modality_has_no_weight():
    module, state, *streams = build("multi-modal")
    present = torch.tensor([[True, False, True], [False, True, True]])
    hidden = [stream.masked_fill(~present[:, m, None, None], torch.nan) for m, stream in enumerate(streams)]
    weights = module.weights(state, *hidden, present=present)
    assert (weights[:, 0][~present] == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 1).double())
    torch.testing.assert_close(module(state, *hidden, present=present), module(state, *streams, present=present))


def test_a_model_may_learn_alpha():
    assert EntmaxAttention(alpha=1.25).normalise(3) == Entmax(1.25)
    torch.testing.assert_close(EntmaxAttention(1.25, learned=True).normalise(3).alpha(), torch.full((3,), 1.25))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: MultiHead(8, 3), "d-model must be a multiple of heads, found 8 and 3"),
        (lambda: CrossModal(8, 4, 3), "the width must be a multiple of heads, found 8 and 3"),
        (lambda: Convolutional(8, 3, 2), "heads must divide the width, .* found 3, 8 and 2"),
        (lambda: Convolutional(8, 2, 0), "kernel must be at least 1, found 2, 8 and 0"),
        (lambda: LocalPredictive(8, 8, 0), "reach must be at least 1, found 0"),
        (lambda: EntmaxAttention(2.5, learned=True), r"must start between 1 and 2, found 2\.5"),
        (lambda: build("multi-level")[0](torch.zeros(2, 3, 5, 8).double()), "expected 4 levels, .* found 3"),
        (lambda: build("multi-modal")[0](torch.zeros(2, 8), torch.zeros(2, 3, 8)), "expected 3 streams, .* found 1"),
        (lambda: build("fine-grained")[0](*torch.zeros(3, 2, 5, 8).double()), "values with 2 features, found 8"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()
