"""The measurements of a run, as one JSON line per event and as TensorBoard events."""

import json
import logging
import math
import socket
import struct
import time
from pathlib import Path
from typing import Any

from transduce import files

log = logging.getLogger(__name__)


class MetricsLog:
    """Appends to metrics.jsonl and tensorboard/ in a run folder. Drops lines after `step`, from which the run continues."""

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / "metrics.jsonl"
        _drop_after(self.path, step)
        self.events = Events(folder / "tensorboard", step)

    def write(self, kind: str, step: int, values: dict[str, float | str]) -> None:
        """One event: {"kind": ..., "step": ..., name: value, ...}."""
        with self.path.open("a", encoding="utf-8") as out:
            # JSON has no infinity
            plain = {name: value if finite(value) else str(value) for name, value in values.items()}
            out.write(json.dumps({"kind": kind, "step": step, **plain}, ensure_ascii=False) + "\n")
        numbers = {name: value for name, value in values.items() if isinstance(value, int | float)}
        self.events.scalars(step, {f"{kind}/{name}": value for name, value in numbers.items()})

    def text(self, name: str, step: int, text: str) -> None:
        self.events.text(name, step, text)


class Events:
    """TensorBoard's events after `step`, each written at once. TensorBoard hides later events of an earlier sitting.

    After an error in writing it warns and writes no more; training continues.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboardX.proto.event_pb2 import SessionLog  # half a second to import

        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
        self.failed = False
        self._add(file_version="brain.Event:2")
        self._add(step=step + 1, session_log=SessionLog(status=SessionLog.START))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        from tensorboardX import summary

        scalars = [summary.scalar(name, value).value[0] for name, value in values.items()]
        self._add(step=step, summary=summary.Summary(value=scalars))

    def text(self, name: str, step: int, text: str) -> None:
        from tensorboardX import summary

        self._add(step=step, summary=summary.text(name, text))

    def _add(self, **content: Any) -> None:
        from tensorboardX.proto.event_pb2 import Event

        if self.failed:
            return
        try:
            with self.path.open("ab") as out:
                out.write(_record(Event(wall_time=time.time(), **content).SerializeToString()))
        except OSError as error:
            self.failed = True
            log.warning("%s: %s; training continues without TensorBoard events", self.path, error.strerror)


def _record(data: bytes) -> bytes:
    """TensorFlow's framing: length and data, each followed by a checksum."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def finite(value: float | str) -> bool:
    return isinstance(value, str) or math.isfinite(value)


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a metrics.jsonl, without lines that are not JSON, as after a kill.

    A kill between a validation and its checkpoint repeats the validation: only its last event counts.
    """
    events: list[dict[str, Any]] = []
    last_validation: dict[int, int] = {}  # step -> place of its event
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("step"), int):
            if event.get("kind") == "validation":
                last_validation[event["step"]] = len(events)
            events.append(event)
    return [
        event
        for place, event in enumerate(events)
        if event.get("kind") != "validation" or last_validation[event["step"]] == place
    ]


def _drop_after(path: Path, step: int) -> None:
    events = [event for event in read(path) if event["step"] <= step]
    files.write_atomically(path, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in events))
