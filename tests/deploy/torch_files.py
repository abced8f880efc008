"""Small PyTorch modules, and files of them, built for the tests. Only where torch is installed."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn


class Rows(nn.Module):
    """Rows of 8 numbers in, 4 scores out."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.hidden(x)))


class Images(nn.Module):
    """Images [N, 3, 16, 16] in, 10 scores out."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.out = nn.Linear(8, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.norm(self.convolution(image))).mean((2, 3)))


def rows(path: Path) -> Path:
    """An exported program of :class:`Rows` that takes any number of them."""
    torch.manual_seed(0)
    target = path.with_suffix(".pt2")
    dims = {"x": {0: torch.export.Dim("batch", min=1)}}
    torch.export.save(
        torch.export.export(Rows().eval(), (torch.zeros(2, 8),), dynamic_shapes=dims), str(target)
    )
    return target


def make_images() -> nn.Module:
    """A factory, as a user writes one."""
    return Images()
