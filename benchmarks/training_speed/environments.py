"""A virtual environment for each peer, beside and never inside the project's own.

They use the torch of the environment that runs the benchmark, so all systems compute with the same one: a .pth file
puts its packages behind the peer's own. The peers' pins exclude this torch, so they are installed without their
dependencies, and what they do need is named here.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.training_speed.folders import own_folder


@dataclass(frozen=True)
class Peer:
    """What is installed: `package` alone, then `extras` with all that they need."""

    package: str
    extras: tuple[str, ...]


PEERS = {
    "eole": Peer(
        "eole==0.6.4",
        (
            "aiohttp",
            "configargparse",
            "datasets",
            "fastapi",
            "fasttext-wheel",
            "huggingface_hub",
            "openpyxl",
            "pandas",
            "protobuf",
            "pyahocorasick",
            "pydantic",
            "pyonmttok",
            "pyyaml",
            "rapidfuzz",
            "rich",
            "sentencepiece",
            "six",
            "spacy",
            "subword-nmt",
            "tensorboard",
            "torch-optimi",
            "uvicorn",
            "waitress",
        ),
    ),
    "joeynmt": Peer(
        "joeynmt==2.3.0",
        (
            "importlib_metadata",
            "matplotlib",
            "seaborn",
            "sacremoses",
            "sentencepiece",
            "pyyaml",
            "tensorboard",
            "subword-nmt",
            "datasets",
            "packaging",
        ),
    ),
}
MARK = "ready"  # a file that holds what was installed, written last


def interpreter(system: str, peers: Path) -> Path:
    """The Python of a system; transduce's is the one that runs the benchmark. ValueError if a peer is not set up."""
    if system not in PEERS:
        return Path(sys.executable)
    if not _is_ready(system, peers):
        raise ValueError(
            f"{peers / system}: {system} is not set up there; run: python -m benchmarks.training_speed setup "
            f"--peers {peers}"
        )
    return _python(peers / system)


def set_up(peers: Path) -> None:
    """Makes the environments that are not there yet or hold something else; prints what it does."""
    own_folder(peers)
    for name, peer in PEERS.items():
        if _is_ready(name, peers):
            print(f"{peers / name}: {peer.package} is there already")
            continue
        print(f"{peers / name}: installing {peer.package} ...", flush=True)
        _install(peers / name, peer)
        print(f"{peers / name}: {peer.package} installed")


def _install(folder: Path, peer: Peer) -> None:
    venv.create(folder, clear=True, symlinks=os.name == "posix")
    python = _python(folder)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    # first, so that the torch of the project counts as installed
    (packages / "with-torch.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    _pip(python, ["--no-deps", peer.package])
    _pip(python, list(peer.extras))
    (folder / MARK).write_text(peer.package, encoding="utf-8")


def _pip(python: Path, packages: Sequence[str]) -> None:
    """pip of the environment that runs the benchmark, working on another one."""
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *packages]
    done = subprocess.run([*command, "--disable-pip-version-check"], capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"pip could not install {' '.join(packages)}:\n{done.stderr.strip()[-2000:]}")


def _is_ready(name: str, peers: Path) -> bool:
    mark = peers / name / MARK
    return mark.exists() and mark.read_text(encoding="utf-8") == PEERS[name].package


def _python(folder: Path) -> Path:
    return folder.absolute() / "bin" / "python"
