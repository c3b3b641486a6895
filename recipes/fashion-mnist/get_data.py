"""Fashion-MNIST from the Debian package dataset-fashion-mnist: pictures of clothes and their kinds.

    python get_data.py [--out FOLDER]

    FOLDER/train-images-idx3-ubyte.gz    60,000 pictures of 28 x 28 pixels, grey
           train-labels.txt              the kind of each, a line: "Trouser"
           t10k-images-idx3-ubyte.gz     10,000 pictures for the test, and t10k-labels.txt
           SOURCES.txt                   package, version and hash

apt downloads the package without root and without changing the system, into FOLDER/downloads, once.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from transduce.data.formats import idx
from transduce.files import write_atomically

PACKAGE = "dataset-fashion-mnist"
KINDS = (  # of the labels 0 to 9, from the README of the data set
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
PARTS = {"train": 60_000, "t10k": 10_000}


def kinds(path: Path) -> list[str]:
    """The name of each label in an IDX file. ValueError for a label that is none of 0 to 9."""
    labels = idx.items(path).tolist()
    if strange := [label for label in labels if not 0 <= label < len(KINDS)]:
        raise ValueError(f"{path}: expected labels from 0 to 9, found {strange[0]}")
    return [KINDS[label] for label in labels]


def extract(place: Path, out: Path) -> dict[str, Counter[str]]:
    """Copies the pictures of each part and writes their labels; the number of pictures of each kind."""
    counts = {}
    for part, expected in PARTS.items():
        images, labels = (_one_file(place, f"{part}-{name}-ubyte.gz") for name in ("images-idx3", "labels-idx1"))
        names, pictures = kinds(labels), idx.items(images)
        if not len(names) == len(pictures) == expected:
            raise ValueError(
                f"{part}: expected {expected:,} pictures, found {len(pictures):,} and {len(names):,} labels"
            )
        write_atomically(out / images.name, images.read_bytes())
        write_atomically(out / f"{part}-labels.txt", "".join(f"{name}\n" for name in names))
        counts[part] = Counter(names)
    return counts


def _one_file(place: Path, name: str) -> Path:
    paths = sorted(place.rglob(name))
    if len(paths) != 1:
        raise ValueError(f"the package holds {len(paths)} files called {name}, expected one")
    return paths[0]


def write(out: Path) -> None:
    sys.path.append(str(Path(__file__).parents[1]))  # of the module that several recipes share
    import apt_packages

    downloads = apt_packages.download([PACKAGE], [], out / "downloads", say)
    with downloads.unpacked() as place:
        counts = extract(place, out)
    (source,) = downloads.sources
    lines = [f"{source['package']} {source['version']}", f"  SHA-256 {source['sha256']}"]
    write_atomically(out / "SOURCES.txt", "".join(f"{line}\n" for line in lines))
    for part, names in counts.items():
        print(f"{part}: {names.total():,} pictures, {len(names)} kinds")


def say(text: str) -> None:
    print(text, file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Gets Fashion-MNIST from its Debian package.")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "data", help="folder to write (default: data)"
    )
    options = parser.parse_args(arguments)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        write(options.out)
    except (ValueError, OSError) as error:
        say(f"get_data.py: error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
