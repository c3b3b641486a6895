"""English and German sentences from Debian packages: train.jsonl, dev.jsonl, test.jsonl; or another language.

    python get_data.py [--language de|fr|it] [--out FOLDER]

On each line a pair, what kind of text it is and the document it is from:

    {"source": "Save As", "target": "Speichern unter", "group": "interface", "document": "sfx.mo"}

- Three kinds of text: the help of LibreOffice, its interface, and the descriptions of Debian's packages.
- apt downloads them without root and without changing the system, into FOLDER/downloads, once.
- Whole documents (help files, interface files, packages) are held out, and no source is in two parts.
- The same versions of the packages always give the same files; FOLDER/SOURCES.txt lists the versions.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from transduce.files import write_atomically

LANGUAGES = {"de": "German", "fr": "French", "it": "Italian"}
HELP = Path("usr/share/libreoffice/help")
INTERFACE = Path("usr/lib/libreoffice/program/resource")


def write(language: str, out: Path) -> None:
    """Download, read, clean, split; write the files into `out` and say what is in them."""
    try:
        import held_out
        import parallel_text
    except ModuleNotFoundError as error:
        raise ValueError(
            f"this recipe needs the Python package {(error.name or '').partition('.')[0]}; install what it needs with: "
            "pip install lxml polib"
        ) from error
    sys.path.append(str(Path(__file__).parents[1]))  # of the module that several recipes share
    import apt_packages

    packages = ["libreoffice-help-en-us", f"libreoffice-help-{language}", f"libreoffice-l10n-{language}"]
    downloads = apt_packages.download(packages, ["en", language], out / "downloads" / f"en-{language}", say)
    say("reading the pairs ...")
    with downloads.unpacked() as place:
        pairs = [
            *parallel_text.help_pairs(place / HELP, language),
            *parallel_text.interface_pairs((place / INTERFACE / language / "LC_MESSAGES").glob("*.mo")),
        ]
    english, other = downloads.descriptions("en"), downloads.descriptions(language)
    pairs += parallel_text.description_pairs(english, other, language)
    dropped: Counter[tuple[str, str]] = Counter()
    parts = held_out.split(held_out.usable(pairs, dropped), dropped)
    for name, part in parts.items():
        write_atomically(out / f"{name}.jsonl", "".join(map(line, part)))
    counts = table(Counter(pair.group for pair in pairs), dropped, parts)
    write_atomically(out / "SOURCES.txt", f"{sources(language, downloads.sources)}\n{counts}")
    print(counts, end="")


def line(pair: Sequence[str]) -> str:
    """A pair as a line of JSON."""
    return (
        json.dumps(dict(zip(("source", "target", "group", "document"), pair, strict=True)), ensure_ascii=False) + "\n"
    )


def sources(language: str, files: Iterable[dict[str, str]]) -> str:
    """What the pairs were made from."""
    lines = [f"English and {LANGUAGES[language]}, from:", ""]
    for file in files:
        what = file["index"] if "index" in file else f"{file['package']} {file['version']}"
        lines += [f"{what}", f"  SHA-256 {file['sha256']}"]
    lines += [
        "",
        "libreoffice-*: help and interface of LibreOffice, MPL-2.0. Translation-*: package descriptions, licence unknown.",
    ]
    return "\n".join(lines) + "\n"


def table(read: Counter[str], dropped: Counter[tuple[str, str]], parts: dict[str, Sequence[tuple[str, ...]]]) -> str:
    """How many pairs of each kind of text were read, dropped and kept."""
    groups = sorted(read)
    rows = [("pairs read", read)]
    for reason in dict.fromkeys(reason for _, reason in dropped):
        rows.append((f"  - {reason}", Counter({group: dropped[group, reason] for group in groups})))
    rows += [(name, Counter(pair[2] for pair in parts[name])) for name in ("train", "dev", "test")]
    lines = [f"{'':28}" + "".join(f"{group:>11}" for group in [*groups, "all"])]
    for name, counts in rows:
        columns = [counts[group] for group in groups] + [counts.total()]
        lines.append(f"{name:28}" + "".join(f"{count:>11,}" for count in columns))
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Writes train.jsonl, dev.jsonl and test.jsonl: pairs of sentences.")
    parser.add_argument(
        "--language", choices=LANGUAGES, default="de", help="the target language (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "data", help="folder (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    try:
        write(options.language, options.out)
    except (ValueError, OSError) as error:
        print(f"get_data.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
