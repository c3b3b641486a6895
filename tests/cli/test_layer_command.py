"""`transduce layer`."""

from transduce.cli.main import main
from transduce.workflows.layer.run import ALL


def test_lists_every_layer(capsys):
    assert main(["layer"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*ALL]


def test_explains_one(capsys):
    assert main(["layer", "max-pool2d"]) == 0
    out = capsys.readouterr().out
    assert "torch.nn.MaxPool2d" in out and "- Padding is -infinity, not 0" in out
    assert "\ny (1, 1, 2, 2)\n  0  5  8\n  1  4  9\n" in out
    assert out.endswith("torch.nn gives the same; the largest difference is at most 1e-6.\n")


def test_an_unknown_name_is_named_with_the_nearest(capsys):
    assert main(["layer", "convd"]) == 2
    assert "there is no layer 'convd'; did you mean 'conv2d'?" in capsys.readouterr().err
    assert main(["layer", "qqqq"]) == 2
    assert f"there is no layer 'qqqq'; `transduce layer` lists all {len(ALL)}" in capsys.readouterr().err
    assert main(["layer", "linear", "conv2d"]) == 2
    assert "expected one name of a layer, found 2: linear, conv2d" in capsys.readouterr().err
