"""Hardware: limits of control groups count, and unknown values are empty."""

import os
from pathlib import Path

import pytest
import torch

from transduce.machine import hardware
from transduce.machine.devices import choose_device

CPUINFO = """processor\t: 0
model name\t: Some CPU @ 2.00GHz
flags\t\t: fpu sse2 avx512f avx512_bf16 amx_tile amx_bf16

processor\t: 1
model name\t: Some CPU @ 2.00GHz
flags\t\t: fpu sse2 avx512f avx512_bf16
"""


def system(root: Path, **files: str) -> Path:
    """A folder with system files in it; `__` stands for a slash in their names, `_DOT_` for a dot."""
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_this_machine_computes() -> None:
    assert 1 <= hardware.cores() <= (os.cpu_count() or 1)
    assert torch.zeros(1, device=choose_device()).item() == 0


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tell")
def test_cores_are_those_that_the_process_may_run_on(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert hardware.cores(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)
    assert hardware.cores(tmp_path) == len(before)


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("max 100000", 64),
        ("400000 100000", 4),
        ("250000 100000", 2),
        ("150000 100000", 1),
        ("5000 100000", 1),
        ("", 64),
        ("nonsense", 64),
    ],
)
def test_a_control_groups_share_of_time_limits_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    root = system(tmp_path, proc__self__cgroup="0::/\n", sys__fs__cgroup__cpu_DOT_max=quota)
    assert hardware.cores(root) == cores


def test_limits_of_version_1_and_of_groups_around_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    root = system(
        tmp_path,
        proc__self__cgroup="4:memory:/outer/inner\n3:cpu,cpuacct:/outer/inner\n1:name=systemd:/\n0::/outer/inner\n",
        sys__fs__cgroup__cpu__outer__inner__cpu_DOT_cfs_quota_us="-1\n",
        sys__fs__cgroup__cpu__outer__inner__cpu_DOT_cfs_period_us="100000\n",
        sys__fs__cgroup__cpu__outer__cpu_DOT_cfs_quota_us="300000\n",
        sys__fs__cgroup__cpu__outer__cpu_DOT_cfs_period_us="100000\n",
    )
    assert hardware.cores(root) == 3


def test_instruction_sets_are_those_of_every_core(tmp_path: Path) -> None:
    root = system(tmp_path, proc__cpuinfo=CPUINFO)
    assert hardware.instruction_sets(root) == {"fpu", "sse2", "avx512f", "avx512_bf16"}
    assert hardware.cpu_name(root) == "Some CPU @ 2.00GHz"
    system(root, proc__cpuinfo="processor\t: 0\nFeatures\t: fp asimd bf16\n")
    assert hardware.instruction_sets(root) == {"fp", "asimd", "bf16"}


@pytest.mark.parametrize(
    ("sets", "fast"),
    [({"avx2"}, False), ({"avx512f"}, False), ({"avx512f", "avx512_bf16"}, True), ({"amx_tile", "amx_bf16"}, True)],
)
def test_bf16_is_fast_where_the_cpu_has_it(monkeypatch: pytest.MonkeyPatch, sets: set[str], fast: bool) -> None:
    monkeypatch.setattr(hardware, "instruction_sets", lambda: frozenset(sets))
    assert hardware.bf16_is_fast("cpu") is fast


def test_macos_tells_its_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        ("hw.optional",): "hw.optional.arm.FEAT_BF16: 1\nhw.optional.arm.FEAT_SME: 0\nhw.optional.neon: 1\n",
        ("-n", "machdep.cpu.brand_string"): "Some Chip\n",
    }
    monkeypatch.setattr(hardware, "_sysctl", lambda *arguments: answers[arguments])
    assert hardware.instruction_sets(tmp_path) == {"bf16", "neon"}
    assert hardware.cpu_name(tmp_path) == "Some Chip"


def test_nothing_fails_where_the_system_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert hardware.cores(tmp_path) >= 1
    assert hardware.instruction_sets(tmp_path) == frozenset()
    assert hardware.cpu_name(tmp_path)


@pytest.fixture
def two_threads(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(hardware, "cores", lambda: 2)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("slowdown", "threads"), [(0.6, 2), (1.1, 2), (9.0, 1)])
def test_a_busy_machine_gets_one_thread_fewer(two_threads, monkeypatch, slowdown, threads):
    """`slowdown` is what two threads take, in terms of what one takes."""
    monkeypatch.setattr(hardware, "_time_products", lambda: slowdown if torch.get_num_threads() == 2 else 1.0)
    assert hardware.choose_threads() == torch.get_num_threads() == threads


@pytest.mark.parametrize("share", [3, 1])
def test_torch_gets_no_more_threads_than_a_container_has_time_for(two_threads, monkeypatch, share):
    torch.set_num_threads(8)
    monkeypatch.setattr(hardware, "cores", lambda: share)
    monkeypatch.setattr(hardware, "_time_products", lambda: 1.0)
    assert hardware.choose_threads() == torch.get_num_threads() == share


def test_the_users_number_of_threads_stays(two_threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(hardware, "_time_products", lambda: pytest.fail("there is nothing to try out"))
    assert hardware.choose_threads() == 2
