"""The judge's eye: trained to tell drawn things apart, blurred, noisy and on any background."""

from __future__ import annotations

import random

import torch
import torch.nn.functional as F
from PIL import ImageFilter
from torch import Tensor, nn

from engine.mini import scenes
from engine.mini.eye import Eye, prepare
from engine.mini.things import THINGS
from engine.mini.training.loop import Budget, train

BATCH = 64
SCALE = 16.0  # of the cosines before the softmax


class Learning(nn.Module):
    """The eye and the class weights that exist only while it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.eye = Eye()
        self.classes = nn.Linear(self.eye.features.out_features, len(THINGS), bias=False)


def run(budget: Budget) -> Eye:
    rng = random.Random(random.randrange(1 << 30))

    def step(learning: Learning, index: int, progress: float) -> dict[str, Tensor]:
        x, labels = _batch(rng, BATCH)
        seen = learning.eye(x.to(budget.device))
        logits = SCALE * seen @ F.normalize(learning.classes.weight, dim=1).T
        return {"loss": F.cross_entropy(logits, labels.to(budget.device))}

    def report(learning: Learning, index: int) -> dict[str, float]:
        x, labels = _batch(random.Random(3), 256)
        with torch.no_grad():
            seen = learning.eye(x.to(budget.device))
            found = (seen @ F.normalize(learning.classes.weight, dim=1).T).argmax(dim=1)
        return {"accuracy": float((found.cpu() == labels).float().mean())}

    eye = train("eye", Learning(), step, report, budget).eye
    _set_means(eye.cpu())
    return eye


def _batch(rng: random.Random, size: int) -> tuple[Tensor, Tensor]:
    seen, labels = [], []
    for _ in range(size):
        scene = scenes.sample(rng)
        picture = scenes.draw(scene)
        if rng.random() < 0.6:
            picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.8)))
        x = prepare(picture)
        if rng.random() < 0.5:
            x = x + rng.uniform(0, 0.08) * torch.randn_like(x)
        seen.append(x * rng.uniform(0.85, 1.1))
        labels.append(scene.thing)
    return torch.stack(seen), torch.tensor(labels)


@torch.no_grad()
def _set_means(eye: Eye, each: int = 12) -> None:
    rng = random.Random(11)
    for thing in range(len(THINGS)):
        drawn = [
            scenes.Scene(
                thing, rng.randrange(10), scale=rng.uniform(0.55, 0.85), tilt=rng.gauss(0, 6)
            )
            for _ in range(each)
        ]
        seen = eye(torch.stack([prepare(scenes.draw(scene)) for scene in drawn]))
        eye.means[thing] = F.normalize(seen.mean(dim=0), dim=0)
