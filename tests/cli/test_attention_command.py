"""`transduce attention`."""

from transduce.attention.catalogue import MECHANISMS
from transduce.cli.main import main


def test_lists_every_mechanism(capsys):
    assert main(["attention"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*MECHANISMS]


def test_explains_one(capsys):
    assert main(["attention", "causal"]) == 0
    out = capsys.readouterr().out
    assert "over j <= i" in out and "1706.03762" in out
    table = out.strip().splitlines()[-6:]
    assert table[0].split() == ["the", "100", ".", ".", ".", ".", "."]
    assert all(98 <= sum(int(cell) for cell in row.split()[1:] if cell != ".") <= 102 for row in table)


def test_an_unknown_name_is_named_with_the_nearest(capsys):
    assert main(["attention", "hardd"]) == 2
    assert "no attention mechanism 'hardd'; did you mean 'hard'?" in capsys.readouterr().err
