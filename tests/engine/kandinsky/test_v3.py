"""Kandinsky 3 gives diffusers' pictures (fp32, within 1/255), and right ones where those are not.

On a tiny model of random weights, whose pictures are noise.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    Kandinsky3Img2ImgPipeline,
    Kandinsky3Pipeline,
    Kandinsky3UNet,
)
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from engine import ImageToImage, Inpaint, Outpaint, Request, Settings, Source, TextToImage, canvas
from engine.kandinsky import v3
from engine.kandinsky.v3 import Kandinsky3, flash_table
from engine.kandinsky.v3unet import UNet, Words
from engine.requests import Sampler
from engine.runtime.device import Device
from engine.runtime.stages import travel
from engine.styles import styled
from tests import tiny3

pytestmark = pytest.mark.slow

Pixels = np.ndarray[tuple[int, ...], np.dtype[np.int16]]

SHAPES = {"square": (64, 64), "tall": (64, 128), "wide": (128, 64)}
SAMPLERS: tuple[Sampler, ...] = ("ddpm", "ddim", "dpm++")
COMMON: dict[str, Any] = dict(seed=5, steps=6, guidance=2.0, sampler="ddpm", width=64, height=64)
LONG = "a red fox with a long tail sits on a hill and looks at the moon and the stars, it is night"

each_sampler = pytest.mark.parametrize("sampler", SAMPLERS)
each_shape = pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny3.make_inpainting(tmp_path_factory.mktemp("tiny3"))


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    device = Device(Settings(device="cpu", dtype="float32", threads=1))
    yield device
    device.close()


@pytest.fixture(scope="module")
def model(folder: Path, device: Device) -> Kandinsky3:
    return Kandinsky3(folder, device, 0)


@pytest.fixture(scope="module")
def plain(folder: Path) -> Kandinsky3Pipeline:
    pipeline = Kandinsky3Pipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def painted(model: Kandinsky3, *requests: Request) -> list[Pixels]:
    """The first picture of each, made together."""
    return [one.astype(np.int16) for one in travel([model.paint(one, 0) for one in requests])]


def diffusers(plain: Kandinsky3Pipeline, request: Request, **changes: Any) -> Pixels:
    """What diffusers' pipelines give for it, whose size is a multiple of 64."""
    options: dict[str, Any] = dict(width=request.width, height=request.height)
    pipeline = plain
    if isinstance(request, ImageToImage):
        options = dict(image=request.picture.picture(), strength=request.strength)
        pipeline = Kandinsky3Img2ImgPipeline(**plain.components)
        pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = _scheduler(plain, request.sampler)
    options |= dict(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt or None,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        generator=torch.Generator("cpu").manual_seed(request.seed or 0),
    )
    return _pixels(pipeline(**(options | changes)).images[0])


def _scheduler(plain: Kandinsky3Pipeline, sampler: str | None) -> Any:
    kinds = {"ddpm": DDPMScheduler, "ddim": DDIMScheduler, "dpm++": DPMSolverMultistepScheduler}
    return kinds[sampler or "ddpm"].from_config(plain.scheduler.config)


def _pixels(image: Image.Image) -> Pixels:
    return np.asarray(image, dtype=np.int16)


def differs(one: Pixels, other: Pixels) -> int:
    """The largest difference of a channel, in 1/255."""
    assert one.shape == other.shape
    return int(np.abs(one - other).max())


def photo(width: int, height: int, seed: int = 1) -> Image.Image:
    """A picture with large and small things in it."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (5, 5, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def words(prompt: str = "a fox", **changes: Any) -> TextToImage:
    return TextToImage.model_validate(COMMON | {"prompt": prompt} | changes)


def changed(size: tuple[int, int], prompt: str = "a fox", **changes: Any) -> ImageToImage:
    """A request to change a photo of that size."""
    fields = dict(prompt=prompt, picture=Source.of(photo(*size)), strength=0.5)
    fields |= dict(width=size[0], height=size[1])
    return ImageToImage.model_validate(COMMON | fields | changes)


@each_sampler
@each_shape
def test_text_to_image(
    model: Kandinsky3, plain: Kandinsky3Pipeline, sampler: Sampler, size: tuple[int, int]
) -> None:
    request = words(sampler=sampler, width=size[0], height=size[1])
    assert differs(painted(model, request)[0], diffusers(plain, request)) <= 1


@each_sampler
@each_shape
def test_image_to_image(
    model: Kandinsky3, plain: Kandinsky3Pipeline, sampler: Sampler, size: tuple[int, int]
) -> None:
    request = changed(size, sampler=sampler)
    assert differs(painted(model, request)[0], diffusers(plain, request)) <= 1


@pytest.mark.parametrize(
    "request_",
    [
        words("лиса 🦊"),
        words(LONG * 2),
        words(guidance=1.0),
        words(guidance=1.0, negative_prompt="blue"),
        words("a fox", negative_prompt="red"),
        words("a fox", negative_prompt=LONG),
        words(LONG, negative_prompt="red"),
        words(LONG * 2, negative_prompt=LONG * 2 + " blue"),
        words(guidance=7.0),
        words(steps=1),
        words(steps=20, sampler="dpm++"),
        changed((64, 64), "", strength=1.0),
        changed((64, 64), strength=0.34, negative_prompt="red"),
        changed((64, 64), strength=0.8, steps=20, sampler="dpm++"),
    ],
    ids=lambda one: f"{one.prompt[:8]}-{one.negative_prompt[:8]}-{one.steps}-{one.guidance}",
)
def test_prompts_and_settings(
    model: Kandinsky3, plain: Kandinsky3Pipeline, request_: Request
) -> None:
    assert differs(painted(model, request_)[0], diffusers(plain, request_)) <= 1


def test_the_words_and_the_negative_ones_matter(model: Kandinsky3) -> None:
    made = painted(model, words("a fox"), words("an owl"), words("a fox", negative_prompt="red"))
    assert differs(made[0], made[1]) > 8
    assert differs(made[0], made[2]) > 8


@pytest.mark.parametrize("size", [(100, 90), (65, 128), (64, 127)])
def test_any_size_is_cut_from_the_middle(
    model: Kandinsky3, plain: Kandinsky3Pipeline, size: tuple[int, int]
) -> None:
    """diffusers rounds up."""
    request = words(width=size[0], height=size[1])
    whole = Image.fromarray(diffusers(plain, request).astype(np.uint8))
    assert differs(painted(model, request)[0], _pixels(canvas.unpad(whole, *size))) <= 1


def test_pictures_of_any_size_are_changed_at_that_size(
    model: Kandinsky3, plain: Kandinsky3Pipeline
) -> None:
    """diffusers knows no size to ask for, and fails for pictures of other than 64s of pixels."""
    assert "width" not in inspect.signature(Kandinsky3Img2ImgPipeline.__call__).parameters
    request = changed((90, 72))
    with pytest.raises(RuntimeError, match="must match the size"):
        diffusers(plain, request)
    helped = diffusers(plain, request, image=canvas.pad(request.picture.picture()))
    helped = _pixels(canvas.unpad(Image.fromarray(helped.astype(np.uint8)), 90, 72))
    assert differs(painted(model, request)[0], helped) <= 1


def test_a_picture_is_changed_at_the_size_that_is_asked_for(
    model: Kandinsky3, plain: Kandinsky3Pipeline
) -> None:
    request = changed((90, 72), width=64, height=128)
    fitted = canvas.fit(request.picture.picture(), 64, 128)
    assert differs(painted(model, request)[0], diffusers(plain, request, image=fitted)) <= 1


def test_strength_takes_at_least_a_step(model: Kandinsky3) -> None:
    """Of 6 steps, a strength of 0.1 leaves none; diffusers then fails."""
    assert painted(model, changed((64, 64), strength=0.1))[0].shape == (64, 64, 3)


def test_no_picture_changes_with_its_neighbours(
    model: Kandinsky3, plain: Kandinsky3Pipeline
) -> None:
    """diffusers pools all prompts of a batch over the longest one's places."""
    short, long = words("a fox", seed=1), words(LONG, seed=2)
    together = painted(model, short, long)
    for request, one in zip((short, long), together, strict=True):
        assert differs(one, painted(model, request)[0]) <= 1
        assert differs(one, diffusers(plain, request)) <= 1
    batch = plain(
        ["a fox", LONG],
        num_inference_steps=6,
        guidance_scale=2.0,
        width=64,
        height=64,
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in (1, 2)],
    ).images
    assert differs(_pixels(batch[0]), together[0]) > 8
    assert differs(_pixels(batch[1]), together[1]) <= 1


def test_requests_of_all_kinds_share_passes(model: Kandinsky3) -> None:
    requests: list[Request] = [
        words(seed=1),
        words(LONG, seed=2, steps=3, sampler="ddim"),
        words("owl", seed=3, guidance=1.0),
        words("owl", seed=4, negative_prompt="red", guidance=5.0, sampler="dpm++"),
        changed((64, 64), seed=6),
        filled_in((64, 64), seed=7),
        words(seed=8, height=128),
    ]
    for request, one in zip(requests, painted(model, *requests), strict=True):
        assert differs(one, painted(model, request)[0]) <= 1


def test_to_the_bit_when_asked_to_be_deterministic(folder: Path) -> None:
    device = Device(Settings(device="cpu", dtype="float32", threads=1, deterministic=True))
    model = Kandinsky3(folder, device, 0)
    requests = [words("owl", seed=1), words(LONG, seed=2), words("owl", negative_prompt="red")]
    for request, one in zip(requests, painted(model, *requests), strict=True):
        assert differs(one, painted(model, request)[0]) == 0
    device.close()


def test_what_was_computed_before_is_kept(folder: Path, device: Device) -> None:
    model = Kandinsky3(folder, device, 10_000_000)
    first, again = (
        painted(model, changed((64, 64), steps=1, negative_prompt="red")) for _ in range(2)
    )
    assert differs(first[0], again[0]) == 0
    assert {name: one.stats().hits for name, one in model.caches.items()} == {
        "texts": 0,
        "words": 2,
        "latents": 1,
    }


def test_a_negative_prompt_is_encoded_once_for_prompts_of_any_length(
    folder: Path, device: Device
) -> None:
    model = Kandinsky3(folder, device, 10_000_000)
    painted(model, words("owl", steps=1, negative_prompt="red"))
    painted(model, words("a fox", steps=1, negative_prompt="red"))
    assert model.caches["texts"].stats().hits == 1


def test_a_style_adds_its_words(model: Kandinsky3) -> None:
    request = words("fox", style="cartoon")
    own = styled(request)
    same = words(own.prompt, negative_prompt=own.negative_prompt)
    assert differs(*painted(model, request, same)) <= 1
    assert differs(*painted(model, request, words("fox"))) > 8


def test_previews(model: Kandinsky3) -> None:
    preview = model.preview(torch.zeros(4, 16, 8))
    assert preview.size == (32, 64)


# The UNet, whose work for a prompt is done once.


@torch.inference_mode()
def test_the_unet_is_that_of_diffusers(device: Device) -> None:
    """Also as a trace, for rows of other lengths, sizes and times than it was traced with."""
    torch.manual_seed(1)
    network = tiny3.unet().eval()
    unet = UNet(network).eval()
    hidden, mask = torch.randn(3, 9, tiny3.WIDTH), torch.ones(3, 9)
    for row, length in enumerate((5, 8, 0)):
        hidden[row, length:] = mask[row, length:] = 0
    x, times = torch.randn(3, 4, 8, 16), torch.tensor([999, 500, 0])
    words = [unet.read(hidden[0, :5], 9), unet.read(hidden[1, :8], 9), unet.unsaid()]
    example = (x[:1, :, :8, :8], times[:1], *Words.stack(words[:1], 16))
    traced = device.traced(unet, *example)
    expected = network(x, times, hidden, mask).sample
    for tokens in (8, 32):
        found = traced(x, times, *Words.stack(words, tokens))
        assert torch.allclose(found, expected, atol=1e-4)


def test_what_is_taken_out_of_the_loop_at_full_size() -> None:
    with torch.device("meta"):
        unet = UNet(Kandinsky3UNet())
    assert (len(unet.changed), numbers(unet.changes)) == (240, 809_175_168)
    projections = numbers(unet.words) + numbers(unet.pooling.words)
    assert (len(unet.spoken) + 1, projections) == (19, 295_698_432)


def numbers(part: nn.Module) -> int:
    return sum(one.numel() for one in part.parameters())


# Inpainting. diffusers has no pipeline for it: the reference is the original's, in plain steps.


def filled_in(size: tuple[int, int], prompt: str = "a fox", **changes: Any) -> Inpaint:
    """A request to repaint a part of a photo; the mask lies on the grid of the latents."""
    mask = Image.new("L", size)
    mask.paste(255, (16, 24, 48, 56))
    fields = dict(prompt=prompt, picture=Source.of(photo(*size)), mask=Source.of(mask))
    fields |= dict(width=size[0], height=size[1])
    return Inpaint.model_validate(COMMON | fields | changes)


@torch.inference_mode()
def inpainted(folder: Path, plain: Kandinsky3Pipeline, request: Inpaint) -> Image.Image:
    """As kandinsky3/inpainting_pipeline.py of ai-forever/Kandinsky-3 feeds its UNet: the noise,
    then the mask (1 is kept), then the latents of what is kept. Its size is a multiple of 64."""
    picture, mask = request.picture.picture(), request.mask.picture("L")
    picture.paste((128, 128, 128), mask=mask)
    pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    kept = 1 - torch.from_numpy(np.array(mask))[None, None] / 255
    latents = plain.movq.encode(pixels).latents
    beside = torch.cat([F.interpolate(kept, latents.shape[-2:]), latents], dim=1).repeat(2, 1, 1, 1)
    prompt, away, mask_prompt, mask_away = plain.encode_prompt(
        request.prompt, device="cpu", negative_prompt=None, _cut_context=True
    )
    unet = v3._network(folder / "inpaint" / "unet", Device(Settings(device="cpu", threads=1)))
    scheduler = _scheduler(plain, request.sampler)
    scheduler.set_timesteps(request.steps)
    generator = torch.Generator("cpu").manual_seed(request.seed or 0)
    x = torch.randn(latents.shape, generator=generator)
    guidance = request.guidance or 0
    for time in scheduler.timesteps:
        u, c = unet(
            torch.cat([torch.cat([x] * 2), beside], dim=1),
            time,
            encoder_hidden_states=torch.cat([away, prompt]),
            encoder_attention_mask=torch.cat([mask_away, mask_prompt]).bool(),
        ).sample.chunk(2)
        noise = (guidance + 1) * c - guidance * u
        x = scheduler.step(noise, time, x, generator=generator).prev_sample
    return _shown(plain, x)


def _shown(plain: Kandinsky3Pipeline, latents: Tensor) -> Image.Image:
    decoded = plain.movq.decode(latents, force_not_quantize=True).sample
    shown = (decoded * 0.5 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    image: Image.Image = plain.numpy_to_pil(shown)[0]
    return image


@each_sampler
@each_shape
def test_inpainting(
    folder: Path,
    model: Kandinsky3,
    plain: Kandinsky3Pipeline,
    sampler: Sampler,
    size: tuple[int, int],
) -> None:
    request = filled_in(size, sampler=sampler)
    picture, mask = request.picture.picture(), np.array(request.mask.picture("L"))
    view = canvas.focus(mask, v3.SIDE)
    expected = view.put(picture, inpainted(folder, plain, request), mask)
    found = painted(model, request)[0]
    assert differs(found, _pixels(expected)) <= 1
    assert (found[mask == 0] == _pixels(picture)[mask == 0]).all()
    assert differs(found, _pixels(picture)) > 8


def test_inpainting_at_any_size_and_without_words(model: Kandinsky3) -> None:
    request = filled_in((100, 75), prompt="")
    found, kept = painted(model, request)[0], _pixels(request.picture.picture())
    assert found.shape == (75, 100, 3)
    outside = np.array(request.mask.picture("L")) == 0
    assert (found[outside] == kept[outside]).all()


def test_a_thin_stroke_is_painted(model: Kandinsky3) -> None:
    """The original's mask of latents would miss it."""
    mask = Image.new("L", (64, 64))
    mask.paste(255, (17, 10, 20, 50))
    request = filled_in((64, 64), mask=Source.of(mask))
    assert differs(painted(model, request)[0], _pixels(request.picture.picture())) > 8


def test_outpainting(model: Kandinsky3) -> None:
    picture = photo(80, 70)
    fields: dict[str, Any] = dict(prompt="a fox", picture=Source.of(picture), left=-30, top=10)
    found = painted(model, Outpaint(**(COMMON | fields | dict(width=100, height=90))))[0]
    assert found.shape == (90, 100, 3)
    assert (found[:60, 30:] == _pixels(picture)[10:, :70]).all()


def test_it_inpaints_only_with_the_weights_for_it(folder: Path, tmp_path: Path) -> None:
    assert v3.modes(tmp_path) == ("text_to_image", "image_to_image")
    assert v3.modes(folder) == ("text_to_image", "image_to_image", "inpaint", "outpaint")


# 3.1 Flash. diffusers does not have it: the reference is the original's sampler, in plain steps.

TIMES = (979, 729, 479, 229)


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory, device: Device) -> Kandinsky3:
    folder = tiny3.make(tmp_path_factory.mktemp("flash"))
    (folder / v3.FLASH).write_text(json.dumps({"times": TIMES}))
    return Kandinsky3(folder, device, 0)


@torch.inference_mode()
def flashed(plain: Kandinsky3Pipeline, request: TextToImage) -> Pixels:
    """As `p_sample_loop` of kandinsky3/model/diffusion.py does with `gan`."""
    prompt, _, mask, _ = plain.encode_prompt(request.prompt, False, device="cpu", _cut_context=True)
    generator = torch.Generator("cpu").manual_seed(request.seed or 0)
    shape = (1, 4, (request.height or 0) // 8, (request.width or 0) // 8)
    x = torch.randn(shape, generator=generator)
    for time in TIMES:
        alpha = plain.scheduler.alphas_cumprod[time]
        noisy = alpha.sqrt() * x + (1 - alpha).sqrt() * torch.randn(shape, generator=generator)
        noise = plain.unet(
            noisy, time, encoder_hidden_states=prompt, encoder_attention_mask=mask
        ).sample
        x = (noisy - (1 - alpha).sqrt() * noise) / alpha.sqrt()
    return _pixels(_shown(plain, x))


@each_shape
def test_flash(flash: Kandinsky3, plain: Kandinsky3Pipeline, size: tuple[int, int]) -> None:
    request = words(width=size[0], height=size[1])
    assert differs(painted(flash, request)[0], flashed(plain, request)) <= 1


def test_flash_has_no_settings(flash: Kandinsky3) -> None:
    bare, full = painted(
        flash, words(), words(steps=50, guidance=9.0, negative_prompt="red", sampler="ddim")
    )
    assert differs(bare, full) <= 1


def test_flash_changes_pictures_from_a_later_time(flash: Kandinsky3) -> None:
    table = flash_table(DDPMScheduler(**tiny3.SCHEDULER), TIMES, 0.5)
    assert table.times.tolist() == [479, 229]
    assert table.draws == 1
    request = changed((64, 64), strength=0.25)
    assert painted(flash, request)[0].shape == (64, 64, 3)


# Weights and where they are.


def test_half_precision_files(
    folder: Path, device: Device, model: Kandinsky3, tmp_path: Path
) -> None:
    half = Kandinsky3Pipeline.from_pretrained(folder, dtype=torch.float16)
    half.save_pretrained(tmp_path, variant="fp16")
    assert (tmp_path / "unet" / "diffusion_pytorch_model.fp16.safetensors").is_file()
    close = painted(Kandinsky3(tmp_path, device, 0), words(steps=2))[0]
    assert differs(close, painted(model, words(steps=2))[0]) <= 16


def test_nothing_but_safetensors_is_read(device: Device, tmp_path: Path) -> None:
    tiny3.make(tmp_path)
    (tmp_path / "text_encoder" / "model.safetensors").rename(
        tmp_path / "text_encoder" / "pytorch_model.bin"
    )
    with pytest.raises(OSError, match="no safetensors"):
        Kandinsky3(tmp_path, device, 0)


def test_weights_that_do_not_fit(device: Device, tmp_path: Path) -> None:
    file = tiny3.make(tmp_path) / "unet" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"time_embedding_dim": 64}))
    with pytest.raises(ValueError, match="do not fit"):
        Kandinsky3(tmp_path, device, 0)


def test_the_text_encoder_may_stay_on_the_cpu(
    folder: Path, device: Device, model: Kandinsky3
) -> None:
    other = Kandinsky3(folder, device, 0, text_device="cpu")
    assert differs(painted(other, words())[0], painted(model, words())[0]) == 0


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is there")
def test_eight_bits_take_a_package(folder: Path, device: Device) -> None:
    with pytest.raises(ModuleNotFoundError, match="install it"):
        Kandinsky3(folder, device, 0, text_device="8-bit")


def test_bfloat16(folder: Path) -> None:
    device = Device(Settings(device="cpu", dtype="bfloat16", threads=1))
    model = Kandinsky3(folder, device, 0)
    assert painted(model, words(steps=1), filled_in((64, 64), steps=1))[0].shape == (64, 64, 3)
    device.close()
