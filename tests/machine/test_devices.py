"""Which device a request means, and which messages name the ones that are there."""

import pytest

from transduce.machine.devices import Devices, choose_device

CPU_BUILD, NO_GPU, ONE = Devices(), Devices(cuda=True), Devices(("NVIDIA H200",), cuda=True)


@pytest.mark.parametrize(
    ("request_text", "devices", "device"),
    [
        (None, CPU_BUILD, "cpu"),
        ("auto", NO_GPU, "cpu"),
        ("auto", ONE, "cuda"),
        ("cpu", ONE, "cpu"),
        ("cuda", ONE, "cuda"),
        ("cuda:0", ONE, "cuda:0"),
    ],
)
def test_a_request_means_a_device(request_text: str | None, devices: Devices, device: str) -> None:
    assert choose_device(request_text, devices) == device
    assert choose_device(device, devices) == device  # a device that is chosen stays


@pytest.mark.parametrize(
    ("request_text", "devices", "message"),
    [
        ("cuda", CPU_BUILD, "device cuda is not there: this machine has cpu alone; PyTorch was built without CUDA"),
        ("cuda:0", NO_GPU, "this machine has cpu alone; PyTorch finds no GPU that it can use"),
        ("cuda:3", ONE, r"device cuda:3 is not there: this machine has cuda:0 \(NVIDIA H200\) and cpu"),
        ("tpu", ONE, "device must be auto, cpu, cuda or cuda:N, found 'tpu'"),
        ("cuda:", ONE, "device must be auto, cpu, cuda or cuda:N, found 'cuda:'"),
        ("cuda:-1", ONE, "device must be auto"),
    ],
)
def test_other_requests_are_refused(request_text: str, devices: Devices, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_device(request_text, devices)
