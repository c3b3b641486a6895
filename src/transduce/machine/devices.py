"""The devices that torch can compute on, and the one that a request means.

A request is a word of the user: auto, cpu, cuda (the first GPU) or cuda:N. `choose_device` decides once, where a command or a
function of the library begins; everything below it gets the device as an argument.
"""

import re
from dataclasses import dataclass

REQUEST = re.compile(r"cpu|cuda(?::(0|[1-9]\d*))?")
WORDS = "auto, cpu, cuda or cuda:N"


@dataclass(frozen=True)
class Devices:
    """The devices of a machine beside its CPU. gpus: their names, in torch's order. cuda: whether PyTorch was built with CUDA."""

    gpus: tuple[str, ...] = ()
    cuda: bool = False

    def __str__(self) -> str:
        """For messages: `this machine has cuda:0 (NVIDIA H200) and cpu`."""
        if self.gpus:
            names = [f"cuda:{number} ({name})" for number, name in enumerate(self.gpus)]
            return f"this machine has {', '.join(names)} and cpu"
        reason = "PyTorch finds no GPU that it can use" if self.cuda else "PyTorch was built without CUDA"
        return f"this machine has cpu alone; {reason}"


def devices_of_machine() -> Devices:
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return Devices(tuple(map(torch.cuda.get_device_name, range(count))), torch.version.cuda is not None)


def choose_device(request: str | None = None, devices: Devices | None = None) -> str:
    """The device that a request means, as torch names it; of auto and of None, the best of this machine.

    >>> choose_device("auto", Devices())
    'cpu'

    ValueError, with the devices that are there, for one that is not; with the words that a request may be, for others.
    """
    if request == "cpu":  # needs no look at the GPUs
        return request
    match = None if request is None or request == "auto" else REQUEST.fullmatch(str(request))
    if match is None and request not in (None, "auto"):
        raise ValueError(f"device must be {WORDS}, found {request!r}")
    devices = devices_of_machine() if devices is None else devices
    if match is None:
        return "cuda" if devices.gpus else "cpu"
    if int(match[1] or 0) >= len(devices.gpus):
        raise ValueError(f"device {request} is not there: {devices}; name one of these, or leave the device out")
    return match[0]
