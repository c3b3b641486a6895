"""Debian packages and translated package descriptions, downloaded by the system's apt without touching the system.

apt works on folders of its own here: it needs no root, installs nothing, and leaves the system's package lists, caches
and settings as they are. What it downloads is verified against the signatures that the system trusts.

    downloads/en-de/   libreoffice-help-de.deb ...   packages
                       Translation-en ...            descriptions of all packages, in the format of deb822(5)
                       sources.json                  where they came from: versions and hashes
                       manifest.json                 the hashes of these files
"""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transduce.files import replace_folder, verify_manifest, write_atomically, write_manifest

FORMAT = 1
LONGEST = 1800  # seconds that one command may take
COMPONENTS = ("main", "universe")  # where Debian and Ubuntu keep what is free

# Read last, after the system's own settings: mirrors, proxies and keys stay; hooks go, and all indexes but two kinds.
SETTINGS = """\
{included}
#clear Acquire::Languages;
Acquire::Languages {{ {languages} }};
#clear Acquire::IndexTargets;
Acquire::IndexTargets::deb::Packages {{
  MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages"; ShortDescription "Packages";
  Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages"; Optional "0"; flatMetaKey "Packages";
  flatDescription "$(RELEASE) Packages";
}};
Acquire::IndexTargets::deb::Translations {{
  MetaKey "$(COMPONENT)/i18n/Translation-$(LANGUAGE)"; ShortDescription "Translation-$(LANGUAGE)";
  Description "$(RELEASE)/$(COMPONENT) Translation-$(LANGUAGE)"; flatMetaKey "$(LANGUAGE)";
  flatDescription "$(RELEASE) Translation-$(LANGUAGE)";
}};
Acquire::GzipIndexes "false";
Acquire::Retries "3";
#clear APT::Update;
#clear AptCli::Hooks;
APT::Sandbox::User "root";
Dir::State::lists "{place}/lists";
Dir::Cache "{place}/cache";
"""


@dataclass(frozen=True)
class Downloads:
    """A folder of downloads, whole and undamaged when it was opened. `sources` says what each file is:

    {"file": "libreoffice-help-de.deb", "package": "libreoffice-help-de", "version": "4:7.4.7-1", "sha256": "..."}
    {"file": "Translation-de", "index": "Debian 12.15 bookworm/main Translation-de", "sha256": "..."}
    """

    folder: Path
    sources: tuple[dict[str, str], ...]

    def descriptions(self, language: str) -> Path:
        """The descriptions in a language."""
        return self.folder / f"Translation-{language}"

    @contextmanager
    def unpacked(self) -> Iterator[Path]:
        """A temporary folder with the files of all packages: unpacked, not installed."""
        with tempfile.TemporaryDirectory(prefix="packages-") as place:
            for package in sorted(self.folder.resolve().glob("*.deb")):
                run(["dpkg-deb", "--extract", str(package), place], Path(place))
            yield Path(place)


def download(
    packages: Sequence[str], languages: Sequence[str], folder: Path, say: Callable[[str], object]
) -> Downloads:
    """The newest versions of packages, and the package descriptions in some languages; from `folder` if they are there.

    ValueError where the system has no apt, its mirrors cannot be reached or do not have what is asked for.
    """
    require_apt()
    if folder.exists():
        try:
            verify_manifest(folder, FORMAT, required=_files(packages, languages))
        except ValueError as error:
            say(f"downloading again: {error}")
        else:
            say(f"already downloaded: {folder}")
            return _opened(folder)
    descriptions = f" and package descriptions in {', '.join(languages)}" if languages else ""
    say(f"downloading {', '.join(packages)}{descriptions} with apt ...")
    with replace_folder(folder) as draft, tempfile.TemporaryDirectory(prefix="apt-") as place:
        environment = configured(Path(place), languages)
        warnings = run(["apt-get", "-q", "update"], draft, environment).stderr
        if warnings.strip():
            say(f"not all of the package lists may be there{quoted(warnings)}")
        sources = [
            *_descriptions(languages, draft, environment, warnings),
            *_packages(packages, draft, environment, warnings),
        ]
        write_atomically(draft / "sources.json", json.dumps(sources, indent=1) + "\n")
        write_manifest(draft, FORMAT)
    return _opened(folder)


def require_apt() -> None:
    missing = [program for program in ("apt-get", "dpkg-deb") if shutil.which(program) is None]
    if missing:
        raise ValueError(
            f"this recipe's data comes from Debian packages, and this system has no {' and no '.join(missing)}; run the "
            "recipe on Debian or Ubuntu, or in a container of one of them (debian:stable, for example), and copy the "
            "data folder here"
        )


def _files(packages: Iterable[str], languages: Iterable[str]) -> list[str]:
    return [*(f"{name}.deb" for name in packages), *(f"Translation-{name}" for name in languages), "sources.json"]


def _opened(folder: Path) -> Downloads:
    return Downloads(folder, tuple(json.loads((folder / "sources.json").read_bytes())))


def configured(place: Path, languages: Sequence[str]) -> dict[str, str]:
    """The environment in which apt reads the system's settings, then ours, and keeps its lists below `place`."""
    if any(sign in str(place) for sign in '"\\\n;'):
        raise ValueError(f"{place}: apt cannot be told of a temporary folder of that name; set TMPDIR to another one")
    for folder in ("lists/partial", "cache/archives/partial"):
        (place / folder).mkdir(parents=True)
    usual = [os.environ.get("APT_CONFIG", ""), "/etc/apt/apt.conf"]
    included = "\n".join(f'#include "{path}";' for path in usual if path and Path(path).is_file())
    quoted = " ".join(f'"{name}";' for name in languages)
    write_atomically(place / "last.conf", SETTINGS.format(included=included, languages=quoted, place=place))
    write_atomically(place / "first.conf", f'Dir::Etc::main "{place}/last.conf";\n')
    return {"APT_CONFIG": str(place / "first.conf")}


def _descriptions(
    languages: Sequence[str], draft: Path, environment: dict[str, str], warnings: str
) -> Iterator[dict[str, str]]:
    """Copies the descriptions in each language into one file; what they are."""
    fields = "$(LANGUAGE)\t$(COMPONENT)\t$(ORIGIN) $(VERSION) $(RELEASE)/$(COMPONENT) $(SHORTDESC)\t$(FILENAME)"
    command = ["apt-get", "indextargets", "--format", fields, "Created-By: Translations"]
    rows = [line.split("\t") for line in run(command, draft, environment).stdout.splitlines() if line.count("\t") == 3]
    for language in languages:
        found = [
            (what, Path(file))
            for code, component, what, file in rows
            if code == language and component in COMPONENTS and Path(file).is_file()
        ]
        if not found:
            raise ValueError(
                f"apt's mirrors gave no package descriptions in {language!r}; is the network reachable, and do the "
                f"mirrors of this system's sources have them?{quoted(warnings)}"
            )
        contents = [path.read_bytes() for _, path in found]
        write_atomically(draft / f"Translation-{language}", b"\n\n".join(contents))
        for (what, _), content in zip(found, contents, strict=True):
            yield {"file": f"Translation-{language}", "index": what, "sha256": hashlib.sha256(content).hexdigest()}


def _packages(
    packages: Sequence[str], draft: Path, environment: dict[str, str], warnings: str
) -> Iterator[dict[str, str]]:
    """Downloads packages under plain names; what they are."""
    try:
        run(["apt-get", "-q", "download", *packages], draft, environment)
    except ValueError as error:
        raise ValueError(f"{error}{quoted(warnings)}") from None
    for name in packages:
        file = draft / f"{name}.deb"
        found = list(draft.glob(f"{name}_*.deb"))
        if len(found) != 1:
            raise ValueError(f"apt-get download {name} left {len(found)} files, expected one")
        found[0].rename(file)
        version = run(["dpkg-deb", "--field", str(file), "Version"], draft).stdout.strip()
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        yield {"file": file.name, "package": name, "version": version, "sha256": digest}


def run(command: Sequence[str], folder: Path, environment: dict[str, str] | None = None) -> Any:
    """Runs a program to its end, without a terminal; ValueError with what it said where it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {}), "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"{' '.join(command[:3])} did not end within {LONGEST // 60} minutes") from None
    if done.returncode:
        raise ValueError(f"{' '.join(command[:3])} failed{quoted(done.stderr) or f' ({done.returncode})'}")
    return done


def quoted(said: str) -> str:
    """The last lines of what a program said, to be put behind a message."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return f"; it said: {' / '.join(lines[-3:])}" if lines else ""
