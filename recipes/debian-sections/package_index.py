"""apt's package index: which packages there are, their sections, sources and English descriptions.

apt_packages.py beside the recipes knows how to run apt without touching the system.

    downloads/   Packages         a stanza for each package, in the format of deb822(5)
                 Translation-en   their descriptions
                 sources.json     where they came from
                 manifest.json    the hashes of these files
"""

import hashlib
import importlib.util
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from transduce.files import replace_folder, verify_manifest, write_atomically, write_manifest

FORMAT = 1
FILES = {
    "Packages": "Packages",
    "Translations": "Translation-en",
}  # what apt calls an index -> the file for all of its kind
SHARED = Path(__file__).parents[1] / "apt_packages.py"


class Package(NamedTuple):
    """A package of the index. `description` is the lines of its description, the first being the short one, or None."""

    name: str
    section: str  # "net", "contrib/net"
    source: str  # the source package that it is built from
    description: list[str] | None


# --- download


def download(folder: Path, say: Callable[[str], object]) -> list[dict[str, str]]:
    """Downloads the index into `folder` unless it is there; what its files were made from.

    ValueError where the system has no apt or its mirrors cannot be reached.
    """
    apt = _apt_packages()
    apt.require_apt()
    try:
        verify_manifest(folder, FORMAT, required=[*FILES.values(), "sources.json"])
        say(f"already downloaded: {folder}")
    except ValueError as error:
        say(f"downloading again: {error}" if folder.exists() else "downloading the package index with apt ...")
        with replace_folder(folder) as draft, tempfile.TemporaryDirectory(prefix="apt-") as place:
            sources = list(_indexes(apt, draft, apt.configured(Path(place), ["en"])))
            write_atomically(draft / "sources.json", json.dumps(sources, indent=1) + "\n")
            write_manifest(draft, FORMAT)
    sources = json.loads((folder / "sources.json").read_bytes())
    assert isinstance(sources, list)
    return sources


def _indexes(apt: ModuleType, draft: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Copies all indexes of a kind into one file, in apt's order: the release, then its updates; what they are."""
    warnings = apt.run(["apt-get", "-q", "update"], draft, environment).stderr
    fields = "$(CREATED_BY)\t$(ORIGIN) $(VERSION) $(RELEASE)/$(COMPONENT) $(SHORTDESC)\t$(FILENAME)"
    targets = apt.run(["apt-get", "indextargets", "--format", fields], draft, environment).stdout.splitlines()
    for kind, file in FILES.items():
        rows = [line.split("\t") for line in targets if line.startswith(f"{kind}\t")]
        contents = {title: Path(path).read_bytes() for _, title, path in rows if Path(path).is_file()}
        if not contents:
            raise ValueError(
                f"apt's mirrors gave no {file}; is the network reachable, and do the system's sources have packages?"
                f"{apt.quoted(warnings)}"
            )
        write_atomically(draft / file, b"\n\n".join(contents.values()))
        for title, content in contents.items():
            yield {"file": file, "index": title, "sha256": hashlib.sha256(content).hexdigest()}


def _apt_packages() -> ModuleType:
    """The module that several recipes share, loaded by its path."""
    spec = importlib.util.spec_from_file_location("apt_packages", SHARED)
    if spec is None or spec.loader is None or not SHARED.is_file():
        raise ValueError(f"{SHARED}: does not exist; this recipe needs it beside its folder")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- from files to packages


def packages(folder: Path) -> Iterator[Package]:
    """All packages of the index with their English descriptions. A package comes again for each of its versions."""
    descriptions = {
        (stanza["Package"][0], stanza["Description-md5"][0]): stanza["Description-en"]
        for stanza in stanzas(folder / FILES["Translations"])
        if stanza.keys() >= {"Package", "Description-md5", "Description-en"}
    }
    for stanza in stanzas(folder / FILES["Packages"]):
        if stanza.keys() >= {"Package", "Section", "Description-md5"}:
            name = stanza["Package"][0]
            source = stanza.get("Source", [name])[0].partition(" ")[0]  # "gcc-defaults (1.203)"
            text = descriptions.get((name, stanza["Description-md5"][0]))
            yield Package(name, stanza["Section"][0], source, text)


def stanzas(path: Path) -> Iterator[dict[str, list[str]]]:
    """Field -> lines, for each stanza of a file. Lines that continue a field keep their indent.

        Package: foo
        Description-en: short
         long

    becomes {"Package": ["foo"], "Description-en": ["short", " long"]}. ValueError where the file is not UTF-8.
    """
    fields: dict[str, list[str]] = {}
    current: list[str] = []
    try:
        with path.open(encoding="utf-8", newline="\n") as stream:
            for line in stream:
                if not line.strip():
                    if fields:
                        yield fields
                    fields = {}
                elif line[0] in " \t":
                    current.append(line.rstrip())
                else:
                    name, _, value = line.partition(":")
                    current = fields[name] = [value.strip()]
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8: {error}") from None
    if fields:
        yield fields
