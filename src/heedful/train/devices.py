"""Where a model computes, and in which precision."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn

from heedful.errors import OptionError, unknown

DEVICES = ("cpu", "cuda")


def choose(device: str | None = None) -> torch.device:
    """Gives the device of that name; if none is named, a GPU where there is one.

    Under torchrun every process takes the GPU of its own local number.

    Raises: UnknownName; OptionError for "cuda" where there is none.

    >>> choose("cpu")
    device(type='cpu')
    """
    if device is not None and device not in DEVICES:
        raise unknown("device", device, DEVICES)
    if device == "cuda" and not torch.cuda.is_available():
        raise OptionError("The device 'cuda' needs a GPU that PyTorch can use, found none. Leave the device out.")
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def reduced(precision: str, device: torch.device) -> bool:
    """Says whether products are made in bfloat16 on a device: if asked for, or on "auto" where it has instructions.

    >>> reduced("bfloat16", choose("cpu")), reduced("float32", choose("cpu"))
    (True, False)
    """
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # PyTorch tells a processor's instructions by private names only; without them the answer is no.
    asked = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(bool(question()) for question in asked if question is not None)


@contextmanager
def placed(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Brings a model to a device, in evaluation mode, and back home at the end; one that is there is not touched.

    A recurrent layer cannot run in one thread while another one moves it, even to where it is.
    """
    home = next((held.device for held in chain(model.parameters(), model.buffers())), device)
    away = home != device
    model.eval()
    if away:
        model.to(device)
    try:
        yield
    finally:
        if away:
            model.to(home)
