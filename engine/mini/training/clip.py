"""CLIP: the tokenizer, then text and vision encoders trained together on captions and pictures."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from tokenizers.pre_tokenizers import ByteLevel
from torch import Tensor, nn
from transformers import (
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
)

from engine.mini import parts, scenes
from engine.mini.scenes import LANGUAGES, Said, Scene
from engine.mini.things import COLOURS, THINGS
from engine.mini.training.loop import Budget, train

BATCH = 64  # pictures a step, each with an English and a Russian caption
START, END = "<|startoftext|>", "<|endoftext|>"
_SPLIT = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)[:, None, None]
_STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)[:, None, None]


def train_tokenizer(folder: Path, captions: int = 60_000, merges: int = 1800) -> CLIPTokenizer:
    """Learn a byte-level BPE from captions and save it as CLIP's vocab.json and merges.txt."""
    rng = random.Random(0)
    texts = []
    for _ in range(captions // 2):
        scene = scenes.sample(rng)
        texts += [scenes.caption(scene, rng, "en")[0], scenes.caption(scene, rng, "ru")[0]]
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="removed", invert=True),
            ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(ByteLevel.alphabet())
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=512 + merges,
            initial_alphabet=alphabet,
            end_of_word_suffix="</w>",
            show_progress=False,
        ),
    )
    pairs = [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]
    words = alphabet + [letter + "</w>" for letter in alphabet]
    words += [left + right for left, right in pairs if left + right not in set(words)]
    vocabulary = {word: index for index, word in enumerate([*words, START, END])}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in pairs)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    made = CLIPTokenizer(
        vocab=str(folder / "vocab.json"),
        merges=str(folder / "merges.txt"),
        pad_token=END,
        model_max_length=parts.TOKENS,
    )
    made.save_pretrained(folder)
    return made


class Clip(nn.Module):
    """Both encoders, the temperature, and heads that make the picture embedding say what it holds.

    The heads serve training only: they predict the thing, the colours, and where and how large
    the thing is, so that 128 numbers hold what the decoder needs.
    """

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.text: CLIPTextModelWithProjection
        self.vision: CLIPVisionModelWithProjection
        end = tokenizer.convert_tokens_to_ids(END)
        self.text = parts.text_encoder(len(tokenizer), end=end, pad=end)
        self.vision = parts.vision_encoder()
        self.temperature = nn.Parameter(torch.tensor(2.3))
        self.heads = nn.Linear(parts.EMBEDDING, len(THINGS) + 2 * len(COLOURS) + 1 + 8)


def run(tokenizer: CLIPTokenizer, budget: Budget) -> Clip:
    rng = random.Random(random.randrange(1 << 30))

    def step(clip: Clip, index: int, progress: float) -> dict[str, Tensor]:
        drawn = [scenes.sample(rng) for _ in range(BATCH)]
        said: list[Said] = []
        texts: list[str] = []
        for language in LANGUAGES:
            for scene in drawn:
                text, what = scenes.caption(scene, rng, language)
                texts.append(text)
                said.append(what)
        with torch.autocast(budget.device.type, torch.bfloat16):
            seen = clip.vision(views(drawn).to(budget.device)).image_embeds
            read = clip.text(tokens(tokenizer, texts).to(budget.device)).text_embeds
        seen, read = seen.float(), read.float()
        match = matches(said, drawn).to(budget.device)
        contrast = contrastive(read, seen, match, clip.temperature)
        heads = head_loss(clip.heads(seen), drawn)
        return {"loss": contrast + heads, "contrast": contrast, "heads": heads}

    return train("clip", Clip(tokenizer), step, lambda c, i: retrieval(c, tokenizer), budget)


def views(drawn: list[Scene]) -> Tensor:
    """What the vision encoder sees: (N, 3, VIEW, VIEW), as CLIPImageProcessor prepares it."""
    return torch.from_numpy(np.stack([view(scenes.draw(scene)) for scene in drawn]))


def view(picture: Image.Image) -> scenes.Array:
    small = picture.resize((parts.VIEW, parts.VIEW), Image.Resampling.BICUBIC)
    seen = ((scenes.pixels(small) + 1) / 2 - _MEAN) / _STD
    return seen.astype(np.float32)


def tokens(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    """Token ids padded to the longest: attention is causal, so padding after the end is unseen."""
    made = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    ids: Tensor = made.input_ids
    return ids


def matches(said: list[Said], drawn: list[Scene]) -> Tensor:
    """(captions, pictures) bool: which captions are true of which pictures."""
    plain = len(COLOURS)
    keys = ("thing", "background", "second", "size", "place", "count")
    mentions = torch.tensor([[getattr(one, key) for key in keys] for one in said])
    holds = torch.tensor(
        [
            [s.thing, s.background, plain if s.second is None else s.second]
            + [s.size, s.place, s.count]
            for s in drawn
        ]
    )
    same = (mentions[:, None] == holds[None]) | (mentions[:, None] == -1)
    return same.all(dim=-1)


def contrastive(read: Tensor, seen: Tensor, match: Tensor, temperature: Tensor) -> Tensor:
    """CLIP's loss (2103.00020) with every true pair, not only the drawn one, as a target."""
    scale = temperature.exp().clamp(max=50)
    logits = scale * F.normalize(read, dim=-1) @ F.normalize(seen, dim=-1).T
    target = match.float()
    by_text = F.cross_entropy(logits, target / target.sum(dim=1, keepdim=True))
    by_picture = F.cross_entropy(logits.T, (target / target.sum(dim=0, keepdim=True)).T)
    return (by_text + by_picture) / 2


def head_loss(out: Tensor, drawn: list[Scene]) -> Tensor:
    things, colours = len(THINGS), len(COLOURS)
    thing, first, second, geometry = torch.split(out, [things, colours, colours + 1, 8], dim=1)
    device = out.device
    labels = torch.tensor(
        [[s.thing, s.background, colours if s.second is None else s.second] for s in drawn],
        device=device,
    )
    numbers = torch.tensor([_geometry(scene) for scene in drawn], device=device)
    return (
        F.cross_entropy(thing, labels[:, 0])
        + 0.5 * F.cross_entropy(first, labels[:, 1])
        + 0.5 * F.cross_entropy(second, labels[:, 2])
        + F.mse_loss(geometry, numbers)
    )


def _geometry(s: Scene) -> list[float]:
    x, y, scale = next(scenes._spots(s))
    shades = [value / 9 for value in s.shade]
    return [4 * (x + s.offset[0]), 4 * (y + s.offset[1]), 4 * scale - 2, s.tilt / 6] + [
        float(s.count - 1),
        *shades,
    ]


@torch.no_grad()
def retrieval(clip: Clip, tokenizer: CLIPTokenizer) -> dict[str, float]:
    """Of the held-out pairs, how many pictures find their caption among those of all."""
    rng = random.Random(5)
    pairs = sorted(scenes.HELD_OUT)[:100]
    pictures = views(
        [
            Scene(thing, colour, scale=rng.uniform(0.6, 0.8), tilt=rng.gauss(0, 6))
            for thing, colour in pairs
        ]
    )
    device = next(clip.parameters()).device
    seen = F.normalize(clip.vision(pictures.to(device)).image_embeds, dim=-1)
    figures = {}
    for language in LANGUAGES:
        right = 0
        for row, (thing, colour) in zip(seen, pairs, strict=True):
            texts = [scenes.plain_caption(other, colour, language) for other in range(len(THINGS))]
            texts += [
                scenes.plain_caption(thing, other, language)
                for other in range(len(COLOURS))
                if other != colour
            ]
            read = clip.text(tokens(tokenizer, texts).to(device)).text_embeds
            right += int((F.normalize(read, dim=-1) @ row).argmax()) == thing
        figures[f"retrieval_{language}"] = right / len(pairs)
    return figures
