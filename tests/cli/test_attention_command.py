"""`transduce attention`."""

import pytest

from transduce.attention.catalogue import MECHANISMS, MODEL_ATTENTIONS
from transduce.cli.main import main


def test_lists_every_mechanism(capsys):
    assert main(["attention"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*MECHANISMS]
    assert [line.split()[0] for line in lines if "  run file  " in line] == [*MODEL_ATTENTIONS]


def test_explains_one(capsys):
    assert main(["attention", "causal"]) == 0
    out = capsys.readouterr().out
    assert "over j <= i" in out and "1706.03762" in out
    table = out.strip().splitlines()[-6:]
    assert table[0].split() == ["the", "100", ".", ".", ".", ".", "."]
    assert all(98 <= sum(int(cell) for cell in row.split()[1:] if cell != ".") <= 102 for row in table)


@pytest.mark.parametrize(
    "name, facts",
    [
        (
            "causal",
            ['attention = "causal"; for encoder, decoder, cross-attention', "target token i sees source tokens 0 to i"],
        ),
        ("relative", ['attention = { kind = "relative", reach = 16 }; for encoder\n', "default 16"]),
        (
            "local",
            ['{ kind = "local", window = 32 }', "tokens that a query sees on each side; a whole number, default 32"],
        ),
        ("location-based", ["places-of-keys = 512", "tokens of the longest input"]),
        ("hierarchical", ["in no layer of a model"]),
    ],
)
def test_says_how_a_run_file_names_it(capsys, name, facts):
    assert main(["attention", name]) == 0
    out = capsys.readouterr().out
    for fact in facts:
        assert fact in out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["hardd"], "no attention mechanism 'hardd'; did you mean 'hard'?"),
        (["TopK"], "did you mean 'top-k'?"),
        (["Soft_Capped"], "did you mean 'soft-capped'?"),
        (
            ["window"],
            f"no attention mechanism 'window'; `transduce attention` lists all {len(MECHANISMS)} with their purpose",
        ),
        (["local", "top-k"], "expected one name of a mechanism, found 2: local, top-k"),
    ],
)
def test_an_unknown_name(capsys, arguments, message):
    assert main(["attention", *arguments]) == 2
    assert message in capsys.readouterr().err
