"""What a run measures, as one JSON line per event and as TensorBoard events."""

import json
import math
from pathlib import Path
from typing import Any

from transduce import files


class MetricsLog:
    """Appends to metrics.jsonl and tensorboard/ in a run folder. Lines after `step` (of a run cut off later) are dropped."""

    def __init__(self, folder: Path, step: int) -> None:
        from tensorboardX import SummaryWriter  # it costs half a second to import

        self.path = folder / "metrics.jsonl"
        _keep_up_to(self.path, step)
        self.events = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)

    def write(self, kind: str, step: int, values: dict[str, float | str]) -> None:
        """One event: {"kind": ..., "step": ..., name: value, ...}."""
        with self.path.open("a", encoding="utf-8") as out:
            # JSON has no infinity
            plain = {name: value if finite(value) else str(value) for name, value in values.items()}
            out.write(json.dumps({"kind": kind, "step": step, **plain}, ensure_ascii=False) + "\n")
        for name, value in values.items():
            if isinstance(value, int | float):
                self.events.add_scalar(f"{kind}/{name}", value, step)

    def text(self, name: str, step: int, text: str) -> None:
        self.events.add_text(name, text, step)

    def close(self) -> None:
        self.events.close()


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
