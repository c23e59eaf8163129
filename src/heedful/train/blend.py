"""Settles how much of a network is mixed with the linear map beside it, once it is trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from heedful.train.feed import Feed, apply
from heedful.train.loss import point


def settle_share(net: nn.Module, feed: Feed) -> None:
    """Sets `net.share` to the share with the smallest squared error on the windows of a feed; leaves other nets be.

        share = sum (y - line) (deep - line) / sum (deep - line)^2,  held between 0 and 1

    A share is one number for all targets and steps: it is found on the windows that stopped the training, and more
    numbers would fit what is particular to them.

    Args:
        net: a model whose `share`, a buffer, mixes what it learned (1) with its linear map (0).
        feed: validation windows.
    """
    share = getattr(net, "share", None)
    if not isinstance(share, Tensor):
        return
    net.eval()
    over = under = 0.0
    with torch.inference_mode():
        for batch in feed.batches(np.arange(len(feed.windows)), feed.size()):
            share.fill_(1.0)
            deep = point(net, apply(net, batch)).double()
            share.fill_(0.0)
            line = point(net, apply(net, batch)).double()
            seen = ~torch.isnan(batch.y)
            gap = (deep - line)[seen]
            over += float(((batch.y.double() - line)[seen] * gap).sum())
            under += float(gap.square().sum())
    share.fill_(min(max(over / under, 0.0), 1.0) if under > 0 else 1.0)
