"""One model on several processes: each learns from its share of every batch, and all stay the same.

Start them with `torchrun --nproc-per-node=2 script.py` and call `fit` inside `with joined():`. The recipe's batch is
that of all processes together, rounded down to a multiple of their number. A batch norm takes its statistics from the
share of its own process, and the first process's are kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn

from heedful.errors import DataError
from heedful.train.devices import choose


@contextmanager
def joined() -> Iterator[Share]:
    """Joins the processes that torchrun started, over NCCL on GPUs and gloo on processors; alone it does nothing.

    >>> with joined() as share:
    ...     share
    Share(rank=0, world=1)
    """
    starts = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not dist.is_initialized()
    if starts:
        gpu = choose()
        if gpu.type == "cuda":
            torch.cuda.set_device(gpu)
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpu.type == "cuda" else "gloo")
    try:
        yield share()
        if starts:
            dist.barrier()  # one that leaves early takes the connections of the others with it
    finally:
        if starts:
            dist.destroy_process_group()


@dataclass(frozen=True)
class Share:
    """One process of several: its number and how many there are."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """True for the one process that reports and writes."""
        return self.rank == 0

    def part(self, order: np.ndarray) -> np.ndarray:
        """Gives this process's windows of an order: every so-manieth, filled up with -1 to a common length.

        Batches of b from the parts are together batches of b times `world` from the whole, in the same order.

        >>> Share(0, 2).part(np.arange(5)), Share(1, 2).part(np.arange(5))
        (array([0, 2, 4]), array([ 1,  3, -1]))
        """
        own = order[..., self.rank :: self.world]
        missing = -(-order.shape[-1] // self.world) - own.shape[-1]
        return np.pad(own, [(0, 0)] * (own.ndim - 1) + [(0, missing)], constant_values=-1) if missing else own

    def total(self, values: Tensor) -> Tensor:
        """Sums values over all processes."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def agree(self, holds: bool, what: str) -> None:
        """Makes sure that something holds for all processes or for none.

        Raises: DataError if some have `what` and others do not.
        """
        if self.world > 1:
            having = int(self.total(torch.tensor([int(holds)])))
            if having not in (0, self.world):
                raise DataError(
                    f"{having} of {self.world} processes have {what}. Put it in a folder that all of them see."
                )

    def add_gradients(self, net: nn.Module) -> None:
        """Sums gradients over all processes, in one message."""
        if self.world == 1:
            return
        gradients = [p.grad for p in net.parameters() if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        dist.all_reduce(flat)
        for gradient, summed in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(summed.view_as(gradient))

    def follow(self, net: nn.Module, *, weights: bool) -> None:
        """Takes over the first process's buffers, such as the statistics of a batch norm, and weights if asked."""
        if self.world > 1:
            for value in [*net.buffers(), *(p.detach() for p in net.parameters() if weights)]:
                dist.broadcast(value, 0)


def share() -> Share:
    """Tells which process this is; the only one unless processes were joined."""
    if dist.is_available() and dist.is_initialized():
        return Share(dist.get_rank(), dist.get_world_size())
    return Share()
