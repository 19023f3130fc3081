"""`python -m engine.kandinsky.convert SOURCE.pt TARGET`: an original 3.1 file as a model folder.

The originals (weights/ of ai-forever/Kandinsky3.1) are pickles; they are opened so that no code in
them can run. The folder is laid out as kandinsky-community/kandinsky-3, for `Kandinsky3` and for
diffusers; an inpainting UNet comes to lie beside the base one.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from diffusers import DDPMScheduler, VQModel
from safetensors.torch import save_file
from torch import Tensor
from transformers import T5Config, T5EncoderModel

from engine.kandinsky.pictures import NULL
from engine.kandinsky.v3 import FLASH
from engine.kandinsky.v3unet import blank

Kind = Literal["base", "flash", "inpainting"]
State = dict[str, Tensor]
Rules = Sequence[tuple[str, str]]

# Not to be seen in the shapes of the weights: kandinsky3/__init__.py of ai-forever/Kandinsky-3.
GROUPS, HEAD = 32, 64
PROJECTIONS: dict[Kind, str] = {
    "base": "projection.pt",
    "flash": "projection_flash.pt",
    "inpainting": "projection_inpainting.pt",
}
# The diffusion of kandinsky3/model/diffusion.py; its times are 999, 979 ... 19 for 50 steps.
SCHEDULER = dict(
    beta_schedule="squaredcos_cap_v2",
    thresholding=True,
    sample_max_value=1e9,
    timestep_spacing="trailing",
)
PERCENTILES: dict[Kind, float] = {"base": 0.99, "flash": 0.99, "inpainting": 0.95}
FLASH_TIMES = (979, 729, 479, 229)

PARTS = ("unet", "movq", "text_encoder", "tokenizer", "scheduler")
HUB = "kandinsky-community/kandinsky-3"
INDEX = {
    "_class_name": "Kandinsky3Pipeline",
    "movq": ("diffusers", "VQModel"),
    "scheduler": ("diffusers", "DDPMScheduler"),
    "text_encoder": ("transformers", "T5EncoderModel"),
    "tokenizer": ("transformers", "T5Tokenizer"),
    "unet": ("diffusers", "Kandinsky3UNet"),
}

_ATTENTION: Rules = (
    (r"\.to_query\.", ".to_q."),
    (r"\.to_key\.", ".to_k."),
    (r"\.to_value\.", ".to_v."),
    (r"\.output_layer\.", ".to_out.0."),
)
_UNET: Rules = (
    (r"^to_time_embed\.1\.", "time_embedding.linear_1."),
    (r"^to_time_embed\.3\.", "time_embedding.linear_2."),
    (r"^feature_pooling\.", "add_time_condition."),
    (r"^in_layer\.", "conv_in."),
    (r"^out_layer\.0\.", "conv_norm_out."),
    (r"^out_layer\.2\.", "conv_out."),
    (r"^(down|up)_samples\.", r"\1_blocks."),
    (r"\.self_attention_block\.", ".attentions.0."),
    (r"\.resnet_attn_blocks\.(\d+)\.0\.", r".resnets_in.\1."),
    (r"\.resnet_attn_blocks\.(\d+)\.2\.", r".resnets_out.\1."),
    *_ATTENTION,
)
_PROJECTION: Rules = (
    (r"^0\.", "encoder_hid_proj.projection_linear."),
    (r"^1\.", "encoder_hid_proj.projection_norm."),
)
_MOVQ: Rules = (
    (r"^encoder\.down\.(\d+)\.", r"encoder.down_blocks.\1."),
    (r"^decoder\.up\.(\d+)\.", r"decoder.up_blocks.\1."),
    (r"\.block\.(\d+)\.", r".resnets.\1."),
    (r"\.mid\.block_1\.", ".mid_block.resnets.0."),
    (r"\.mid\.block_2\.", ".mid_block.resnets.1."),
    (r"\.mid\.attn_1\.", ".mid_block.attentions.0."),
    (r"\.attn\.(\d+)\.", r".attentions.\1."),
    (r"\.nin_shortcut\.", ".conv_shortcut."),
    (r"\.downsample\.", ".downsamplers.0."),
    (r"\.upsample\.", ".upsamplers.0."),
    (r"^(\w+)\.norm_out\.", r"\1.conv_norm_out."),
    (r"(attentions\.\d+)\.q\.", r"\1.to_q."),
    (r"(attentions\.\d+)\.k\.", r"\1.to_k."),
    (r"(attentions\.\d+)\.v\.", r"\1.to_v."),
    (r"(attentions\.\d+)\.proj_out\.", r"\1.to_out.0."),
    (r"^(encoder\..*attentions\.\d+)\.norm\.norm_layer\.", r"\1.group_norm."),
    (r"^(decoder\..*attentions\.\d+)\.norm\.", r"\1.spatial_norm."),
    (r"^(encoder\..*)\.norm_layer\.", r"\1."),  # the encoder's norms know no latents
)


def convert(
    source: Path,
    target: Path,
    kind: Kind | None = None,
    projection: Path | None = None,
    groups: int = GROUPS,
    head: int = HEAD,
) -> Kind:
    """The UNet of an original checkpoint with its scheduler; says of which kind it is.

    `projection` is the file of the text's projection, which goes with the UNet; without one, that
    which lies beside the checkpoint as it does in the original's repository. Raises OSError, and
    ValueError for files that are not what they should be.
    """
    state = opened(source)
    if not {"unet", "null_embedding"} <= state.keys():
        raise ValueError(f"{source} is no checkpoint of 3.1: it holds {', '.join(state)}")
    kind = kind or _kind(source, state["unet"])
    text = opened(projection or source.parent / "flan_ul2_encoder" / PROJECTIONS[kind])
    network = unet(state["unet"], text, groups, head)
    if (network.config.in_channels == 9) != (kind == "inpainting"):
        raise ValueError(f"{source} has {network.config.in_channels} channels: it is not {kind}")
    folder = target / "inpaint" if kind == "inpainting" else target
    network.save_pretrained(folder / "unet")
    null = state["null_embedding"].detach().float().flatten().clone()
    save_file({"null_embedding": null}, folder / "unet" / NULL)
    scheduler = DDPMScheduler(**SCHEDULER, dynamic_thresholding_ratio=PERCENTILES[kind])
    scheduler.save_pretrained(folder / "scheduler")
    if kind == "flash":
        (target / FLASH).write_text(json.dumps({"times": FLASH_TIMES}))
    elif kind == "base":  # in the place of a former one
        (target / FLASH).unlink(missing_ok=True)
    return kind


def unet(state: State, projection: State, groups: int = GROUPS, head: int = HEAD) -> Any:
    """diffusers' Kandinsky3UNet from the original's weights, in their dtype. Raises ValueError."""
    config = _unet_config(state, projection) | {"groups": groups, "attention_head_dim": head}
    weights = renamed(state, _UNET) | renamed(projection, _PROJECTION)
    weights = {_next_attention(name): one for name, one in weights.items()}
    return _filled(blank(config), weights)


def movq(state: State) -> VQModel:
    """diffusers' VQModel from the original's weights, in their dtype. Raises ValueError."""
    levels = _count(state, r"encoder\.down\.(\d+)\.")
    weights = {
        re.sub(r"(up_blocks\.)(\d+)", lambda found: _mirrored(found, levels), name): one
        for name, one in renamed(state, _MOVQ).items()
    }
    for name, one in weights.items():
        if re.search(r"attentions\.\d+\.to_\w+(\.0)?\.weight", name):
            weights[name] = one.flatten(1)  # a convolution of one pixel
    # the original never quantises: diffusers' codebook stays empty
    weights["quantize.embedding.weight"] = weights["quant_conv.bias"].new_zeros(
        1, len(weights["quant_conv.bias"])
    )
    with torch.device("meta"):
        model = VQModel(**_movq_config(state, levels))
    return _filled(model, weights)


def text_encoder(source: Path, target: Path) -> None:
    """The folder of the original's text encoder as `text_encoder` and `tokenizer` of the target."""
    tokens = [
        file for file in source.iterdir() if re.search("token|spiece", file.name) and file.is_file()
    ]
    _bring(tokens, target / "tokenizer")
    safe = sorted(source.glob("*.safetensors*"))
    if safe:
        _bring([source / "config.json", *safe], target / "text_encoder")
        return
    weights: State = {}
    for file in sorted(source.glob("*.bin")):
        weights |= opened(file)
    weights = {
        name: one for name, one in weights.items() if name.startswith(("shared.", "encoder."))
    }
    if "shared.weight" in weights:
        weights["encoder.embed_tokens.weight"] = weights["shared.weight"]
    with torch.device("meta"):
        model = T5EncoderModel(T5Config.from_pretrained(source, local_files_only=True))
    filled = _filled(model, weights)
    filled.tie_weights()
    filled.save_pretrained(target / "text_encoder")


def opened(file: Path) -> dict[str, Any]:
    """What a pickle holds, built of tensors and containers only. Raises OSError or ValueError."""
    try:
        found = torch.load(
            file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file)
        )
    except pickle.UnpicklingError as error:
        raise ValueError(f"{file} holds more than numbers, or is cut short; not read") from error
    if not isinstance(found, dict):
        raise ValueError(f"{file} holds no names")
    return found


def renamed(state: Mapping[str, Tensor], rules: Rules) -> State:
    """The same tensors by other names."""
    found: State = {}
    for name, one in state.items():
        for pattern, other in rules:
            name = re.sub(pattern, other, name)
        found[name] = one
    return found


def _next_attention(name: str) -> str:
    """The cross-attention of a pair; the first of a block's attentions is the self-attention."""
    return re.sub(
        r"\.resnet_attn_blocks\.(\d+)\.1\.",
        lambda found: f".attentions.{int(found[1]) + 1}.",
        name,
    )


def _mirrored(found: re.Match[str], levels: int) -> str:
    """The decoder's levels, which the original counts from the pixels."""
    return f"{found[1]}{levels - 1 - int(found[2])}"


def _filled(model: Any, weights: State) -> Any:
    """Raises ValueError where a weight is missing, left over or of another shape."""
    try:
        model.load_state_dict({name: one.detach() for name, one in weights.items()}, assign=True)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return model


def _kind(source: Path, state: State) -> Kind:
    if state["in_layer.weight"].shape[1] == 9:
        return "inpainting"
    return "flash" if "flash" in source.name else "base"


def _unet_config(state: State, projection: State) -> dict[str, Any]:
    level = "down_samples.{}.resnet_attn_blocks.0.0.resnet_blocks.3.projection.weight"
    levels = _count(state, r"down_samples\.(\d+)\.")
    return {
        "in_channels": state["in_layer.weight"].shape[1],
        "time_embedding_dim": len(state["to_time_embed.1.weight"]),
        "layers_per_block": _count(state, r"down_samples\.0\.resnet_attn_blocks\.(\d+)\."),
        "block_out_channels": tuple(len(state[level.format(i)]) for i in range(levels)),
        "cross_attention_dim": len(projection["0.weight"]),
        "encoder_hid_dim": projection["0.weight"].shape[1],
    }


def _movq_config(state: State, levels: int) -> dict[str, Any]:
    return {
        "in_channels": state["encoder.conv_in.weight"].shape[1],
        "out_channels": len(state["decoder.conv_out.weight"]),
        "latent_channels": len(state["encoder.conv_out.weight"]),
        "down_block_types": ("DownEncoderBlock2D",) * (levels - 1) + ("AttnDownEncoderBlock2D",),
        "up_block_types": ("AttnUpDecoderBlock2D",) + ("UpDecoderBlock2D",) * (levels - 1),
        "block_out_channels": tuple(
            len(state[f"encoder.down.{level}.block.0.conv1.weight"]) for level in range(levels)
        ),
        "layers_per_block": _count(state, r"encoder\.down\.0\.block\.(\d+)\."),
        "num_vq_embeddings": 1,
        "vq_embed_dim": len(state["quant_conv.bias"]),
        "norm_type": "spatial",
    }


def _count(state: State, pattern: str) -> int:
    """One more than the highest number that names of this pattern have. Raises ValueError."""
    numbers = [int(found[1]) for found in (re.match(pattern, name) for name in state) if found]
    if not numbers:
        raise ValueError(f"no weights are named {pattern}")
    return max(numbers) + 1


def _bring(files: Sequence[Path], folder: Path) -> None:
    """As links where the disk is the same: they are many gigabytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        there = folder / file.name
        there.unlink(missing_ok=True)
        try:
            os.link(file.resolve(), there)
        except OSError:
            shutil.copyfile(file, there)


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    source, target = options.source, options.target
    try:
        kind = convert(source, target, options.kind, options.projection)
        print(f"{source}: the {kind} UNet is in {target}")
        beside = source.parent
        _convert_rest(
            target,
            options.movq or beside / "movq.pt",
            options.text_encoder or beside / "flan_ul2_encoder",
        )
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from error
    missing = [part for part in PARTS if not (target / part).is_dir()]
    if missing:
        print(f"Still missing in {target}: {', '.join(missing)}. They are those of {HUB}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine.kandinsky.convert",
        description="Turn an original Kandinsky 3.1 checkpoint into a model folder. What lies"
        " beside it as in ai-forever/Kandinsky3.1 (movq.pt, flan_ul2_encoder/) is taken along.",
    )
    parser.add_argument("source", type=Path, help="kandinsky3.pt, or another of its kinds")
    parser.add_argument("target", type=Path, help="the model folder, new or to be added to")
    parser.add_argument("--kind", choices=get_args(Kind), help="otherwise told by the file")
    parser.add_argument("--projection", type=Path, help="the file of the text's projection")
    parser.add_argument("--movq", type=Path, help="the file of the pictures' encoder and decoder")
    parser.add_argument("--text-encoder", type=Path, help="the folder of the text encoder")
    return parser


def _convert_rest(target: Path, pictures: Path, texts: Path) -> None:
    """What all kinds share, unless it is there."""
    if pictures.is_file() and not (target / "movq").is_dir():
        movq(opened(pictures)).save_pretrained(target / "movq")
    if texts.is_dir() and not (target / "text_encoder").is_dir():
        text_encoder(texts, target)
    (target / "model_index.json").write_text(json.dumps(INDEX, indent=2))


if __name__ == "__main__":
    main()
