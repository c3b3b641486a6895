"""What a run measures, as one JSON line per event and as TensorBoard events."""

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
    """Appends to metrics.jsonl and tensorboard/ in a run folder. Lines after `step` (of a run cut off later) are dropped."""

    def __init__(self, folder: Path, step: int) -> None:
        self.path = folder / "metrics.jsonl"
        _keep_up_to(self.path, step)
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
    """TensorBoard's events from after `step` on, each written at once; it hides what a run cut off later had written.

    After an event that cannot be written, with a warning, it writes no more; training continues.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboardX.proto.event_pb2 import SessionLog  # it costs half a second to import

        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
        self.failed = False
        self._add(file_version="brain.Event:2")
        self._add(step=step + 1, session_log=SessionLog(status=SessionLog.START))

    def scalars(self, step: int, values: dict[str, float]) -> None:
        from tensorboardX import summary

        found = [summary.scalar(name, value).value[0] for name, value in values.items()]
        self._add(step=step, summary=summary.Summary(value=found))

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
    """As TensorFlow frames it: length and data, a checksum behind each."""
    from tensorboardX.record_writer import masked_crc32c

    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


def finite(value: float | str) -> bool:
    return isinstance(value, str) or math.isfinite(value)


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a metrics.jsonl; lines that are none, such as one that was cut off, are left out.

    A validation that was killed before its checkpoint was written is made, and told of, twice: the last one counts.
    """
    events: list[dict[str, Any]] = []
    validated: dict[int, int] = {}  # step -> place of its last validation
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and isinstance(event.get("step"), int):
            if event.get("kind") == "validation":
                validated[event["step"]] = len(events)
            events.append(event)
    return [
        event
        for place, event in enumerate(events)
        if event.get("kind") != "validation" or validated[event["step"]] == place
    ]


def _keep_up_to(path: Path, step: int) -> None:
    kept = [event for event in read(path) if event["step"] <= step]
    files.write_atomically(path, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in kept))
