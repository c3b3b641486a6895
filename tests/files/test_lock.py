"""One holder per folder, and a lock ends with its holder."""

import os
from pathlib import Path

import pytest
from subjects import python

from transduce import files

HOLDER = """
    import sys
    from pathlib import Path
    from transduce.files import folder_lock

    with folder_lock(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
"""


def test_a_second_holder_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "name"
    for end in ("killed", "closed"):
        with python(HOLDER, run) as holder:
            assert holder.stdout is not None and holder.stdin is not None
            assert holder.stdout.readline() == "held\n"
            with (
                pytest.raises(ValueError, match=rf"^{run}: is in use by process {holder.pid};"),
                files.folder_lock(run),
            ):
                pass
            if end == "killed":
                holder.kill()
            else:
                holder.stdin.close()
            holder.wait()
        with files.folder_lock(run):
            pass


def test_a_lock_holds_within_one_process_and_ends_with_an_error(tmp_path: Path) -> None:
    mine = rf"in use by process {os.getpid()};"
    with files.folder_lock(tmp_path), pytest.raises(ValueError, match=mine), files.folder_lock(tmp_path):
        pass
    with pytest.raises(KeyError), files.folder_lock(tmp_path):
        raise KeyError
    with files.folder_lock(tmp_path):
        pass


def test_a_lock_does_not_follow_links(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(ValueError, match="cannot be written"), files.folder_lock(tmp_path):
        pass
    assert (tmp_path / "precious").read_text() == "precious"
