"""What a run measures, as files: TensorBoard's are those that TensorBoard reads, and none of them stops a run."""

import errno
import struct
from pathlib import Path

import pytest
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import masked_crc32c

from transduce.training import metrics_log
from transduce.training.metrics_log import MetricsLog


def events(folder: Path) -> list[Event]:
    """As TensorFlow's format has them: length, its checksum, data, its checksum."""
    (path,) = folder.glob("tensorboard/events.out.tfevents.*")
    rest, found = path.read_bytes(), []
    while rest:
        length, checked = struct.unpack("<QI", rest[:12])
        data, (checksum,) = rest[12 : 12 + length], struct.unpack("<I", rest[12 + length : 16 + length])
        assert (checked, checksum) == (masked_crc32c(rest[:8]), masked_crc32c(data))
        found.append(Event.FromString(data))
        rest = rest[16 + length :]
    return found


def test_tensorboard_reads_what_was_written_at_once(tmp_path):
    log = MetricsLog(tmp_path, 7)
    log.write("train", 8, {"loss": 1.5, "loss (ema)": 2.5, "found": "words are for the other log"})
    log.text("samples", 8, "Zeile äöü")
    version, start, scalars, text = events(tmp_path)
    assert version.file_version == "brain.Event:2"
    assert (start.step, start.session_log.status) == (8, SessionLog.START)  # what had been written of 8 on is hidden
    assert scalars.step == text.step == 8 and scalars.wall_time > 1e9
    assert {each.tag: each.simple_value for each in scalars.summary.value} == {
        "train/loss": 1.5,
        "train/loss__ema_": 2.5,
    }
    (content,) = text.summary.value
    assert content.tag == "samples/text_summary" and content.metadata.plugin_data.plugin_name == "text"
    assert content.tensor.string_val == ["Zeile äöü".encode()]


def test_a_full_disk_ends_what_tensorboard_gets_and_nothing_else(tmp_path, monkeypatch, caplog):
    log = MetricsLog(tmp_path, 0)

    def full(data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(metrics_log, "_record", full)
        for step in range(1, 40):  # more than the queue of tensorboardX's own writer holds
            log.write("train", step, {"loss": 1.0})
    log.text("samples", 40, "the disk has room again")
    assert len(metrics_log.read(tmp_path / "metrics.jsonl")) == 39
    assert len(events(tmp_path)) == 2
    assert caplog.text.count("No space left on device; training continues") == 1


@pytest.mark.parametrize("step", [0, 5])
def test_two_sittings_of_one_second_keep_what_both_wrote(tmp_path, monkeypatch, step):
    monkeypatch.setattr("time.time", lambda: 1.7e9)
    MetricsLog(tmp_path, 0).write("train", 1, {"loss": 1.0})
    MetricsLog(tmp_path, step).write("train", 2, {"loss": 2.0})
    assert [event.step for event in events(tmp_path)] == [0, 1, 1, 0, step + 1, 2]
