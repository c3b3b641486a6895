"""Writes survive errors, kills and full disks: the old or the new is there, whole, and no litter."""

import os
import stat
import textwrap
from pathlib import Path

import pytest
from subjects import VERSION, full_disk, make_model, output, python

from transduce import files


def test_a_file_is_written_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "latest"
    files.write_atomically(path, "step-1\r\nü\n")
    assert path.read_bytes() == b"step-1\r\n\xc3\xbc\n"
    files.write_atomically(path, b"\0\xff")
    assert path.read_bytes() == b"\0\xff"
    assert os.listdir(tmp_path) == ["latest"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "there" / "real")
    files.write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "real").read_text() == "new"
    assert os.listdir(tmp_path / "there") == ["real"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """And so are devices: /dev/null must not become a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write_atomically(pipe, "text")
        assert os.read(reader, 100) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo() and os.listdir(tmp_path) == ["pipe"]
    files.write_atomically(Path(os.devnull), "text")
    assert Path(os.devnull).is_char_device()


def test_permissions_are_those_of_the_old_file_or_of_any_new_one(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    (tmp_path / "private").touch(0o600)
    for name in ("private", "new"):
        files.write_atomically(tmp_path / name, "x")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"plain": modes["plain"], "private": 0o600, "new": modes["plain"]}


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    files.write_atomically(path, b"old")
    with (
        full_disk(1000),
        pytest.raises(files.WriteError, match=r"state: cannot be written: File too large; the old content"),
    ):
        files.write_atomically(path, b"x" * 100_000)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


def test_a_full_disk_leaves_the_old_folder(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    with full_disk(1000), pytest.raises(OSError, match="File too large"), files.replace_folder(model) as folder:
        (folder / "weights").write_bytes(b"x" * 100_000)
    files.verify_manifest(model, VERSION)
    assert os.listdir(tmp_path) == ["model"]


def test_an_error_or_an_interrupt_leaves_the_old_folder(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), files.replace_folder(model) as folder:
            (folder / "half").touch()
            raise error
    files.verify_manifest(model, VERSION)
    assert os.listdir(tmp_path) == ["model"]


def test_an_interrupt_between_the_renames_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model(tmp_path / "model")
    rename = os.rename

    def interrupted(source: Path, target: Path) -> None:
        if target == model and source.name.endswith(".tmp"):
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), files.replace_folder(model) as folder:
        (folder / "new").touch()
    files.verify_manifest(model, VERSION)
    assert os.listdir(tmp_path) == ["model"]


def test_a_folder_behind_a_link_is_replaced_where_it_is(tmp_path: Path) -> None:
    real = make_model(tmp_path / "disk" / "model")
    (tmp_path / "model").symlink_to(real)
    with files.replace_folder(tmp_path / "model") as folder:
        (folder / "new").touch()
    assert (tmp_path / "model").is_symlink()
    assert os.listdir(real) == ["new"]


def test_a_file_is_not_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("precious")
    with pytest.raises(ValueError, match=r"is a file, expected a folder"), files.replace_folder(tmp_path / "model"):
        pass
    with pytest.raises(ValueError, match=r"is a file, expected a folder"):
        files.remove_folder(tmp_path / "model")
    with pytest.raises(files.WriteError, match=r"under: cannot be written: "):
        files.write_atomically(tmp_path / "model" / "under", "x")
    with pytest.raises(files.WriteError, match="Is a directory"):
        files.write_atomically(tmp_path, "x")
    assert (tmp_path / "model").read_text() == "precious"


def test_unwritable_folders_are_named(tmp_path: Path) -> None:
    code = """
        import os, sys, tempfile
        from pathlib import Path
        from transduce import files

        with tempfile.TemporaryDirectory() as root:
            folder = Path(root, "closed")
            folder.mkdir()
            os.chmod(root, 0o755)
            folder.chmod(0o555)
            if os.getuid() == 0:
                os.seteuid(65534)
            for attempt in (
                lambda: files.write_atomically(folder / "file", "x"),
                lambda: files.replace_folder(folder / "model").__enter__(),
                lambda: files.folder_lock(folder).__enter__(),
                lambda: files.folder_lock(folder / "run").__enter__(),
            ):
                try:
                    attempt()
                except (ValueError, OSError) as error:
                    print(str(error).removeprefix(str(folder.resolve())))
            if os.getuid() == 0:
                os.seteuid(0)
            folder.chmod(0o755)
    """
    assert output(python(code)).splitlines() == [
        "/file: cannot be written: Permission denied; the old content is unchanged",
        "/model: cannot be written: Permission denied; the old content is unchanged",
        ": cannot be written: Permission denied",
        "/run: cannot be written: Permission denied",
    ]


def test_a_folder_is_removed_whole(tmp_path: Path) -> None:
    files.remove_folder(make_model(tmp_path / "model"))
    files.remove_folder(tmp_path / "model")
    assert os.listdir(tmp_path) == []


def test_leftovers_of_any_name_go_but_what_is_worked_on_stays(tmp_path: Path) -> None:
    for name in (".model.0123abcd.tmp", ".other.0123abcd.tmp", ".other.0123abcd.old", ".other.tmp", "x.0123abcd.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").touch()
    with files.replace_folder(tmp_path / "third") as draft:
        files.remove_leftovers(tmp_path)
        files.remove_leftovers(tmp_path / "missing")
        assert set(os.listdir(tmp_path)) == {draft.name, ".other.0123abcd.old", ".other.tmp", "x.0123abcd.tmp"}


# Runs ACTION(root) in a new process for each k, killed at the k-th system call that touches a file: Python announces
# each to audit hooks before it happens. Before each, PREPARE(root) sets up; after each, CHECK(root) says what is there.
KILLER = """
    import os, signal, sys
    from pathlib import Path
    from transduce import files

    root = Path(sys.argv[1])
    {definitions}

    def killed(k):
        count = 0
        def hook(event, arguments):
            nonlocal count
            if event == "open" or event.startswith(("os.", "shutil.")):
                count += 1
                if count == k:
                    os.kill(os.getpid(), signal.SIGKILL)
        child = os.fork()
        if child == 0:
            sys.addaudithook(hook)
            action(root)
            os._exit(0)
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])

    k = 1
    while prepare(root) or killed(k):
        print(check(root))
        k += 1
"""


def states_after_kills(root: Path, definitions: str) -> list[str]:
    """What `check` prints after a kill at each step in turn."""
    code = textwrap.dedent(KILLER).replace("{definitions}", textwrap.dedent(definitions))
    return output(python(code, root)).splitlines()


def test_a_kill_anywhere_in_a_write_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    states = states_after_kills(
        tmp_path,
        """
        def prepare(root): files.write_atomically(root / "f", b"old" * 100_000)
        def action(root): files.write_atomically(root / "f", b"new" * 100_000)
        def check(root):
            content = (root / "f").read_bytes()
            assert content in (b"old" * 100_000, b"new" * 100_000)
            files.write_atomically(root / "f", b"next")
            return content[:3].decode() + " " + " ".join(os.listdir(root))
        """,
    )
    assert len(states) >= 8
    assert set(states) == {"old f", "new f"}  # and the next write leaves no litter


@pytest.mark.parametrize("first", [False, True])
def test_a_kill_anywhere_in_a_replacement_leaves_the_old_folder_or_the_new(tmp_path: Path, first: bool) -> None:
    states = states_after_kills(
        tmp_path,
        f"""
        def fill(root, text):
            with files.replace_folder(root / "m") as folder:
                for name in ("a", "b/c"):
                    (folder / name).parent.mkdir(exist_ok=True)
                    files.write_atomically(folder / name, text * 1000)
                files.write_manifest(folder, 1, text=text)
        def prepare(root): {'files.remove_folder(root / "m")' if first else 'fill(root, "old")'}
        def action(root): fill(root, "new")
        def check(root):
            where = "there" if (root / "m").exists() else "aside"
            files.recover_folder(root / "m")
            state = "none"
            if (root / "m").exists():
                state = files.verify_manifest(root / "m", 1, ["a", "b/c"])["text"]
            return " ".join([where, state, *os.listdir(root)])
        """,
    )
    assert len(states) >= 30
    assert set(states) == (
        {"aside none", "there new m"} if first else {"there old m", "aside old m", "there new m"}
    )  # whole, found again, and no litter


def test_a_kill_anywhere_in_a_removal_leaves_all_or_nothing(tmp_path: Path) -> None:
    states = states_after_kills(
        tmp_path,
        """
        def prepare(root):
            with files.replace_folder(root / "m") as folder:
                for name in "abc":
                    files.write_atomically(folder / name, name)
                files.write_manifest(folder, 1)
        def action(root): files.remove_folder(root / "m")
        def check(root):
            if (root / "m").exists():
                files.verify_manifest(root / "m", 1)
            files.recover_folder(root / "m")
            return " ".join(os.listdir(root))
        """,
    )
    assert set(states) == {"m", ""}


def test_a_kill_anywhere_in_a_recovery_is_recovered_from(tmp_path: Path) -> None:
    states = states_after_kills(
        tmp_path,
        """
        def prepare(root):
            files.remove_folder(root / "m")
            for name in (".m.00000000.old", ".m.11111111.tmp"):
                (root / name).mkdir()
                (root / name / "x").write_text(name)
        def action(root): files.recover_folder(root / "m")
        def check(root):
            files.recover_folder(root / "m")
            return (root / "m" / "x").read_text() + " " + " ".join(os.listdir(root))
        """,
    )
    assert set(states) == {".m.00000000.old m"}


def test_several_processes_replace_one_folder(tmp_path: Path) -> None:
    code = """
        import sys
        from pathlib import Path
        from transduce import files

        for i in range(20):
            with files.replace_folder(Path(sys.argv[1])) as folder:
                for name in "abc":
                    files.write_atomically(folder / name, f"{sys.argv[2]} {i}")
                files.write_manifest(folder, 1)
    """
    model = tmp_path / "model"
    processes = [python(code, model, k) for k in range(3)]
    for process in processes:
        output(process)
    files.verify_manifest(model, 1)
    assert len({(model / name).read_text() for name in "abc"}) == 1
    assert os.listdir(tmp_path) == ["model"]
