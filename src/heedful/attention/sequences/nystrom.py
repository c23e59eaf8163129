"""Nystrom attention."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from heedful.attention.base import Weights, masked_softmax
from heedful.attention.sequences.projected import ProjectedAttention, only_real, over_keys, real_counts
from heedful.errors import OptionError, ShapeError, unknown
from heedful.sizes import check_odd_kernel

_VARIANTS = ("paper", "code")


class Nystrom(ProjectedAttention):
    r"""Attends through a few landmarks, the means of stretches of queries and keys.

        y = F Z (B v) + conv_k(v),   F = softmax(q k_A^T / \sqrt{E}),  B = softmax(q_A k^T / \sqrt{E})
        Z_0 = M^T / (|M|_1 |M|_\infty),   M = softmax(q_A k_A^T / \sqrt{E})
        Z_{i+1} = Z_i (13 I - M Z_i (15 I - M Z_i (7 I - M Z_i))) / 4

    Paper:   Xiong et al., "Nystromformer", AAAI 2021, arXiv:2102.03902v3, equations 13 to 15 and section 3.2.
    Differs: the paper's and the code's length is a multiple of the landmarks; here stretches differ by at most one
             step. Where there are fewer steps than landmarks each step is one; the code then gives up the
             approximation (for as many steps as landmarks), we do not. The rows of M sum to one, so |M|_inf is left
             out, as in the code. variant="code" is its default start, in which |M|_1 is the largest of the whole batch
             and all heads, so that samples depend on each other a little. The convolution is the code's, one kernel a
             head.

    Args:
        width: D, width of the states.
        heads: N, which divides D; by default 8, or as many of them as divide D.
        landmarks: A, number of landmarks.
        iterations: how often the pseudo-inverse Z is refined.
        kernel_size: odd k of the convolution of the values that is added; None for none.
        variant: "paper" or "code"; see Differs.

    Shape:   (B, T, D) -> (B, T, D); weights (B, N, Q, K) are F Z B, formed when recorded only; some may be negative. A
             context (B, K, D) may stand beside the states, as long as they are if there is a convolution.
    Raises:  OptionError for heads that do not divide D, no landmark, fewer than 0 iterations or an even kernel;
             UnknownName for an unknown variant; ShapeError for a context of another length with a convolution.

    >>> Nystrom(16)(torch.zeros(2, 9, 16)).shape
    torch.Size([2, 9, 16])
    """

    cost: ClassVar[str] = "T k"

    def __init__(
        self,
        width: int,
        *,
        heads: int | None = None,
        landmarks: int = 64,
        iterations: int = 6,
        kernel_size: int | None = None,
        variant: str = "paper",
    ) -> None:
        super().__init__(width, heads=heads)
        self.landmarks = landmarks
        self.iterations = iterations
        self.kernel_size = kernel_size
        self.variant = variant
        if landmarks < 1 or iterations < 0:
            raise OptionError(
                f"Nystrom needs at least 1 landmark and 0 iterations, got {landmarks} and {iterations}. The paper "
                "takes 64 and 6."
            )
        if variant not in _VARIANTS:
            raise unknown("variant", variant, _VARIANTS)
        self.conv = None
        if kernel_size is not None:
            check_odd_kernel("Nystrom", kernel_size)
            n, k = self._heads, kernel_size
            self.conv = nn.Conv2d(n, n, (k, 1), padding=(k // 2, 0), groups=n, bias=False)

    def mix(
        self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, *, own: bool, weights: bool
    ) -> tuple[Tensor, Weights | None]:
        """Gives the mixed values and, when asked, the weights."""
        if self.conv is not None and not own and q.shape[2] != v.shape[2]:
            raise ShapeError(
                f"Nystrom with a convolution of the values needs a context as long as the states, got {v.shape[2]} and "
                f"{q.shape[2]} steps. Build it with kernel_size=None."
            )
        q, v = q * q.shape[-1] ** -0.5, only_real(v, mask)
        q_means, q_some = self._means(q, mask if own else None)
        k_means, k_some = self._means(k, mask)
        some = (q_some.unsqueeze(-1) & k_some.unsqueeze(-2)).unsqueeze(1)
        forth = masked_softmax(q @ k_means.transpose(2, 3), k_some[:, None, None, :])
        back = masked_softmax(q_means @ k.transpose(2, 3), over_keys(mask))
        back = back.masked_fill(~q_some[:, None, :, None], 0.0)
        core = self._invert(masked_softmax(q_means @ k_means.transpose(2, 3), some))
        core, back = core.to(v.dtype), back.to(v.dtype)
        y = forth.to(v.dtype) @ (core @ (back @ v))
        y = y if self.conv is None else y + self.conv(v)
        return y, forth @ core @ back if weights else None

    def _means(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Gives the means of A stretches of (B, N, T, E), or of T of them, and which (B or 1, A) hold any step."""
        steps = torch.arange(x.shape[2], device=x.device)
        # Landmarks beyond the steps are empty: they only cost time. An exported net, whose T is free, keeps them.
        landmarks = self.landmarks if torch.compiler.is_exporting() else min(self.landmarks, x.shape[2])
        if mask is None:
            stretch = (steps * landmarks // x.shape[2]).unsqueeze(0)
        else:
            stretch = (mask.cumsum(-1) - 1) * landmarks // real_counts(mask).unsqueeze(-1)
        member = stretch.unsqueeze(1) == torch.arange(landmarks, device=x.device).unsqueeze(-1)
        if mask is not None:
            member = member & mask.unsqueeze(1)
        size = member.sum(-1, keepdim=True)
        return (member.to(x.dtype) / size.clamp_min(1)).unsqueeze(1) @ x, size.squeeze(-1) > 0

    def _invert(self, m: Tensor) -> Tensor:
        """Approaches the pseudo-inverse of (B, N, A, A'), one side of which may hold fewer stretches."""
        eye = torch.eye(m.shape[-2], dtype=m.dtype, device=m.device)
        columns = m.sum(-2)
        largest = columns.amax() if self.variant == "code" else columns.amax(-1)[..., None, None]
        z = m.transpose(-1, -2) / largest.clamp_min(torch.finfo(m.dtype).eps)
        for _ in range(self.iterations):
            mz = m @ z
            z = 0.25 * z @ (13 * eye - mz @ (15 * eye - mz @ (7 * eye - mz)))
        return z
