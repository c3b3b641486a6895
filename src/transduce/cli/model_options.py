"""What `translate` and `evaluate` share: which model, where it computes and how it decodes."""

from pathlib import Path

from transduce.cli.parser import Parser


def add_model(parser: Parser) -> None:
    parser.add_argument("model", metavar="MODEL", type=Path, help="model folder, or run folder (runs/NAME)")
    parser.add_argument(
        "--beam", metavar="N", type=int, help="hypotheses kept open; 1 is greedy (default: the model's)"
    )
    parser.add_argument("--device", metavar="D", help="cpu, cuda or cuda:N (default: the best there is)")
    parser.add_argument(
        "--precision", choices=["float32", "bf16"], default="float32", help="number format (default: float32)"
    )
