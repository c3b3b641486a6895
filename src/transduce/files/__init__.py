"""Robust files: atomic writes, hashes, manifests and locks protect against kills, full disks and bit rot."""

from transduce.files.durable import (
    WriteError,
    recover_folder,
    remove_folder,
    remove_leftovers,
    replace_folder,
    sync_folder,
    write_atomically,
)
from transduce.files.lock import InUse, folder_lock
from transduce.files.manifest import (
    content_digest,
    edited_files,
    list_again,
    refuse_pickle,
    sha256,
    tree_digest,
    verify_manifest,
    write_manifest,
)
from transduce.files.tensors import read_tensors, write_tensors

__all__ = [
    "InUse",
    "WriteError",
    "content_digest",
    "edited_files",
    "folder_lock",
    "list_again",
    "read_tensors",
    "recover_folder",
    "refuse_pickle",
    "remove_folder",
    "remove_leftovers",
    "replace_folder",
    "sha256",
    "sync_folder",
    "tree_digest",
    "verify_manifest",
    "write_atomically",
    "write_manifest",
    "write_tensors",
]
