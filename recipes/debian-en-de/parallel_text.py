"""What the packages hold, as pairs: LibreOffice's help and interface, and the descriptions of Debian's packages."""

import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import lxml.etree
import lxml.html
import polib

ENGLISH_HELP = "en-US"
PARAGRAPH_TAGS = ("p", "h1", "h2", "h3", "h4", "h5", "h6", "td", "li")
PARAGRAPH_ID = re.compile("par_|hd_|tit")
BULLET = re.compile(r"(?: +[*+o-]| [*+]|[*+-]) +(?=\S)")
ACCELERATOR = re.compile(r"[_~](?=[\w/-])")
LONGEST_LABEL = 80  # characters
NAME = re.compile(r"[%$<]|[A-Z0-9]_[A-Z]")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


class Pair(NamedTuple):
    """A source and its translation. `group` is what kind of text it is, `document` the file or package it is from."""

    source: str
    target: str
    group: str
    document: str


def plain(text: str) -> str:
    """Text on one line: every run of white space one space, soft hyphens and zero-width signs left out."""
    return " ".join(INVISIBLE.sub("", text).split())


# --- help: HTML files of the same name, paragraphs of the same id


def help_pairs(root: Path, language: str) -> Iterator[Pair]:
    """The paragraphs of the help in English and in `language`, which lie in two folders of `root`.

    A paragraph is known by its file, its id and how often that id came before in the file.
    """
    for english in sorted((root / ENGLISH_HELP / "text").rglob("*.html")):
        name = english.relative_to(root / ENGLISH_HELP)
        other = root / language / name
        if not other.is_file():
            continue
        targets = paragraphs(other)
        for key, source in paragraphs(english).items():
            if key in targets:
                yield Pair(source, targets[key], "help", name.relative_to("text").as_posix())


def paragraphs(path: Path) -> dict[tuple[str, int], str]:
    """(id, occurrence) -> text of an HTML file's headings and paragraphs. ValueError where it is not HTML in UTF-8."""
    try:
        parser = lxml.html.HTMLParser(encoding="utf-8")
        document = lxml.html.document_fromstring(path.read_text(encoding="utf-8").encode(), parser=parser)
    except (UnicodeDecodeError, lxml.etree.LxmlError) as error:
        raise ValueError(f"{path}: is not HTML in UTF-8: {error}") from None
    found: dict[tuple[str, int], str] = {}
    seen: Counter[str] = Counter()
    for element in document.iter(*PARAGRAPH_TAGS):
        name = element.get("id") or ""
        if PARAGRAPH_ID.match(name):
            found[name, seen[name]] = _shown(element)
            seen[name] += 1
    return found


def _shown(element: lxml.html.HtmlElement) -> str:
    """The text of an element as a reader sees it: of variants for several systems or programs, one."""
    for switch in element.find_class("switchinline"):
        variants = list(switch)
        chosen = next((each for each in variants if (each.get("id") or "").startswith("default")), None)
        for variant in variants:
            if variant is not (variants[0] if chosen is None else chosen):
                variant.drop_tree()  # keeps the text behind it
    for line_break in element.iter("br"):
        line_break.tail = f" {line_break.tail or ''}"
    return plain(element.text_content())


# --- interface: .mo files


def interface_pairs(files: Iterable[Path]) -> Iterator[Pair]:
    """The strings of .mo files, which are translated from English. ValueError names a file that cannot be read."""
    for path in sorted(files):
        try:
            entries = list(polib.mofile(str(path)))
        except (OSError, ValueError, IndexError, struct.error) as error:
            raise ValueError(f"{path}: is not a readable .mo file: {error}") from None
        for entry in entries:
            for source, target in _forms(entry):
                sides = (without_accelerator(plain(text)) for text in (source, target))
                yield Pair(*sides, "interface", path.name)


def _forms(entry: polib.MOEntry) -> list[tuple[str, str]]:
    """A string and its translation; of one with a plural, the singular and the last of the plurals."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    forms = [text for _, text in sorted(entry.msgstr_plural.items())]
    return [(entry.msgid, forms[0]), (entry.msgid_plural, forms[-1])] if len(forms) > 1 else []


def without_accelerator(text: str) -> str:
    """A label without the _ or ~ before the letter that is pressed to reach it (an & in LibreOffice is just that).

    >>> without_accelerator("Save _As..."), without_accelerator("E~xit"), without_accelerator("%FILE_NAME is open")
    ('Save As...', 'Exit', '%FILE_NAME is open')

    Left as they are: sentences, which are no labels; placeholders, names in capitals, and texts with several marks.
    """
    marked = [word for word in text.split() if ACCELERATOR.search(word)]
    if len(text) > LONGEST_LABEL or len(marked) != 1 or NAME.search(marked[0]):
        return text
    once, marks = ACCELERATOR.subn("", text)
    return once if marks == 1 else text


# --- package descriptions: stanzas of Translation files


def description_pairs(english: Path, other: Path, language: str) -> Iterator[Pair]:
    """The paragraphs of the package descriptions that both files have, in the order of the packages' names.

    The short description is the first. The others are paired only where both have equally many.
    """
    targets = descriptions(other, language)
    sources = descriptions(english, "en")
    for key in sorted(sources.keys() & targets.keys()):
        first, *source = blocks(sources[key])
        short, *target = blocks(targets[key])
        rest = zip(source, target, strict=True) if len(source) == len(target) else ()
        for each in [(first, short), *rest]:
            if "<trans>" not in each[0] + each[1]:  # not yet translated
                yield Pair(*each, "packages", key[0])


def descriptions(path: Path, language: str) -> dict[tuple[str, str], list[str]]:
    """(package, hash of the English description) -> lines of its description; the first is the short one.

        Package: foo
        Description-md5: 4ac...
        Description-de: kurz
         lang, der erste Absatz
         .
         der zweite

    becomes {("foo", "4ac..."): ["kurz", " lang, der erste Absatz", " .", " der zweite"]}. Stanzas without these three
    fields are left out. ValueError where the file is not UTF-8.
    """
    found: dict[tuple[str, str], list[str]] = {}
    fields: dict[str, list[str]] = {}
    current: list[str] = []
    try:
        with path.open(encoding="utf-8", newline="\n") as stream:
            for line in [*stream, "\n"]:
                if not line.strip():
                    _keep(fields, language, found)
                    fields, current = {}, []
                elif line[0] in " \t":
                    current.append(line.rstrip())
                else:
                    name, _, value = line.partition(":")
                    current = fields[name] = [value.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8: {error}") from None
    return found


def _keep(fields: dict[str, list[str]], language: str, found: dict[tuple[str, str], list[str]]) -> None:
    text = fields.get(f"Description-{language}")
    if text and "Package" in fields and "Description-md5" in fields:
        found.setdefault((fields["Package"][0], fields["Description-md5"][0]), text)


def blocks(lines: Sequence[str]) -> list[str]:
    """The short description, then each paragraph and each item of a list, without bullets and line breaks.

    >>> blocks(["short", " one", " paragraph", " .", "  * an", "    item", "  * another"])
    ['short', 'one paragraph', 'an item', 'another']

    A line of one space and a full stop ends a paragraph; deeper indented text is no part of one that is not.
    """
    found = [[lines[0]]]
    indented: bool | None = None  # of the paragraph that is being read; None: none is
    for line in lines[1:]:
        body = line[1:]
        if body.strip() in ("", "."):
            indented = None
            continue
        bullet = BULLET.match(body)
        if bullet or indented is not body.startswith(" "):
            found.append([])
        indented = bool(bullet) or body.startswith(" ")
        found[-1].append(body[bullet.end() :] if bullet else body)
    return [plain(" ".join(block)) for block in found]
