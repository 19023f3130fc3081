"""`python -m engine.mini.train`: train the mini model from nothing and write its weights.

Each part saves a checkpoint every minute and goes on from it when started again. The parts run
in the order of PARTS; two processes may train different parts at once, or, started by torchrun,
share one part's batches.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from diffusers import VQModel
from torch import Tensor
from transformers import CLIPTokenizer

from engine.mini import parts
from engine.mini.training import cache, card, clip, decoder, export, eye, movq, prior
from engine.mini.training.loop import Budget, Module

# Each part's share of the minutes and its learning rate.
SHARES = {
    "clip": (0.13, 1.2e-3),
    "movq": (0.18, 1e-3),
    "prior": (0.12, 1e-3),
    "decoder": (0.35, 1e-3),
    "movq-decoder": (0.12, 5e-4),
    "inpaint": (0.08, 5e-4),
    "eye": (0.02, 2e-3),
}
PARTS = (
    "tokenizer",
    "clip",
    "movq",
    "cache",
    "prior",
    "decoder",
    "movq-decoder",
    "inpaint",
    "eye",
    "export",
)


@dataclass(frozen=True, slots=True)
class Training:
    """One training: its folder of checkpoints, its device, its minutes and how much it draws."""

    folder: Path
    device: torch.device
    minutes: float
    scenes: int
    weights: Path

    def budget(self, part: str) -> Budget:
        share, rate = SHARES[part]
        return Budget(share * self.minutes, self.folder, self.device, rate)

    def tokenizer(self) -> CLIPTokenizer:
        found: CLIPTokenizer = CLIPTokenizer.from_pretrained(self.folder / "tokenizer")
        return found

    def trained(self, part: str, module: Module) -> Module:
        """The part's averaged weights from its checkpoint."""
        file = self.folder / f"{part}.pt"
        if not file.exists():
            raise FileNotFoundError(f"{file} is missing: train the part “{part}” first")
        state = torch.load(file, map_location="cpu", weights_only=True)["average"]
        module.load_state_dict(state)
        return module.eval().requires_grad_(False)

    def clip(self) -> clip.Clip:
        return self.trained("clip", clip.Clip(self.tokenizer()))

    def movq(self) -> VQModel:
        """MoVQ with its own latents, from the later of its two trainings."""
        later = (self.folder / "movq-decoder.pt").exists()
        return self.trained("movq-decoder" if later else "movq", parts.movq())

    def nothing(self) -> Tensor:
        """The embedding (1, E) of the all-zero picture."""
        with torch.no_grad():
            found: Tensor = (
                self.clip().vision(torch.zeros(1, 3, parts.VIEW, parts.VIEW)).image_embeds
            )
        return found


def train_tokenizer(t: Training) -> None:
    if not (t.folder / "tokenizer").exists():
        clip.train_tokenizer(t.folder / "tokenizer")


def train_clip(t: Training) -> None:
    clip.run(t.tokenizer(), t.budget("clip"))


def train_movq(t: Training) -> None:
    movq.run(parts.movq(), t.budget("movq"))


def fill_cache(t: Training) -> None:
    cache.fill(t.folder / "cache", "embeddings", t.clip().vision.to(t.device), t.scenes)
    encoder = t.trained("movq", parts.movq())
    cache.fill(t.folder / "cache", "latents", encoder.to(t.device), t.scenes)


def train_prior(t: Training) -> None:
    prior.run(t.tokenizer(), t.clip().text, t.folder / "cache", t.budget("prior"))


def train_decoder(t: Training) -> None:
    decoder.run(t.folder / "cache", t.nothing(), t.budget("decoder"))


def train_movq_decoder(t: Training) -> None:
    module = t.trained("movq", parts.movq()).requires_grad_(True)
    movq.run(module, t.budget("movq-decoder"), "movq-decoder", frozen=True)


def train_inpaint(t: Training) -> None:
    unet = t.trained("decoder", parts.decoder())
    decoder.run_inpaint(t.folder / "cache", t.nothing(), unet, t.budget("inpaint"))


def train_eye(t: Training) -> None:
    export.save_eye(t.weights, eye.run(t.budget("eye")))


def write_weights(t: Training) -> None:
    latents = cache.read(t.folder / "cache", "latents")[:4096].float()
    centre, scale = cache.latent_range(latents)
    flat = (latents - centre[:, None, None]) / scale[:, None, None]
    vq = export.normalised(t.movq(), centre, scale, flat)
    export.save_prior(
        t.weights, t.folder / "tokenizer", t.clip(), t.trained("prior", parts.prior())
    )
    export.save_decoder(t.weights, t.trained("decoder", parts.decoder()), vq)
    export.save_inpaint(t.weights, t.trained("inpaint", parts.decoder(9)), vq)
    card.write(t.folder, t.weights)


DO: dict[str, Callable[[Training], None]] = {
    "tokenizer": train_tokenizer,
    "clip": train_clip,
    "movq": train_movq,
    "cache": fill_cache,
    "prior": train_prior,
    "decoder": train_decoder,
    "movq-decoder": train_movq_decoder,
    "inpaint": train_inpaint,
    "eye": train_eye,
    "export": write_weights,
}


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m engine.mini.train", description=__doc__)
    best = "cuda" if torch.cuda.is_available() else "cpu"
    arguments.add_argument("--device", default=best)
    arguments.add_argument("--minutes", type=float, default=240, help="for all parts together")
    arguments.add_argument("--parts", default=",".join(PARTS), help="comma-separated")
    arguments.add_argument("--scenes", type=int, default=49_152, help="drawn once and kept")
    arguments.add_argument("--folder", type=Path, default=Path("data/mini-training"))
    arguments.add_argument("--weights", type=Path, default=None, help="where to write them")
    arguments.add_argument("--threads", type=int, default=0, help="of the CPU; 0: all")
    chosen = arguments.parse_args()
    if "WORLD_SIZE" in os.environ:  # started by torchrun
        dist.init_process_group("gloo")
        torch.manual_seed(dist.get_rank())
        random.seed(dist.get_rank())
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    weights = chosen.weights or chosen.folder / "weights"
    weights.mkdir(parents=True, exist_ok=True)
    training = Training(
        chosen.folder, torch.device(chosen.device), chosen.minutes, chosen.scenes, weights
    )
    for part in chosen.parts.split(","):
        if part not in DO:
            arguments.error(f"no part called “{part}”; there are: {', '.join(PARTS)}")
        print(f"— {part}", flush=True)
        DO[part](training)


if __name__ == "__main__":
    main()
