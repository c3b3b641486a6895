"""What a run measures, as one JSON line per event and as TensorBoard events."""

import json
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
            out.write(json.dumps({"kind": kind, "step": step, **values}, ensure_ascii=False) + "\n")
        for name, value in values.items():
            if isinstance(value, (int, float)):
                self.events.add_scalar(f"{kind}/{name}", value, step)

    def text(self, name: str, step: int, text: str) -> None:
        self.events.add_text(name, text, step)

    def close(self) -> None:
        self.events.close()


def read(path: Path) -> list[dict[str, Any]]:
    """The events of a metrics.jsonl; a last line that was cut off is left out."""
    events = []
    for line in path.read_text(encoding="utf-8").split("\n") if path.exists() else []:
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events


def _keep_up_to(path: Path, step: int) -> None:
    kept = [event for event in read(path) if event["step"] <= step]
    files.write_atomically(path, "".join(json.dumps(event, ensure_ascii=False) + "\n" for event in kept))
