"""What a forward pass costs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


def tflop(network: nn.Module, *example: Tensor) -> float:
    """The TFLOP of a network's matrix products and convolutions; on "meta" nothing is computed."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(*example)
    return float(counter.get_total_flops()) / 1e12
