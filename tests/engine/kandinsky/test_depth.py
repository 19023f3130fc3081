"""Pictures of 2.2 that follow a depth map: as diffusers' ControlNet pipelines make them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    KandinskyV22ControlnetImg2ImgPipeline,
    KandinskyV22ControlnetPipeline,
    UNet2DConditionModel,
    VQModel,
)
from PIL import Image
from transformers import (
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessorPil,
    pipeline,
)

from engine import ImageToImage, Settings, Source, TextToImage
from engine.cards import resolve
from engine.errors import NotOffered, TwoDepths
from engine.kandinsky.depth import DepthEstimator, depth_map
from engine.kandinsky.pictures import Pixels
from engine.kandinsky.v22 import Kandinsky22
from engine.requests import Sampler
from engine.runtime.denoising import Noise
from engine.runtime.device import Device
from engine.runtime.stages import Way, travel
from engine.weights import find
from tests import tiny

pytestmark = pytest.mark.slow

SAMPLERS: tuple[Sampler, ...] = ("ddpm", "ddim", "dpm++")
SIZES = {"square": (64, 64), "tall": (64, 128), "wide": (192, 64)}
COMMON: dict[str, Any] = dict(seed=5, steps=5, guidance=3.0, prior_steps=3, prior_guidance=2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def estimator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A depth model of random weights."""
    folder = tmp_path_factory.mktemp("depth")
    torch.manual_seed(3)
    DPTForDepthEstimation(
        DPTConfig(
            hidden_size=16,
            num_hidden_layers=4,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=32,
            patch_size=8,
            backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 8, 8],
            fusion_hidden_size=8,
            reassemble_factors=[4, 2, 1, 0.5],
            is_hybrid=False,
        )
    ).save_pretrained(folder)
    DPTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    device = Device(Settings(device="cpu", threads=1))
    yield device
    device.close()


@pytest.fixture(scope="module")
def model(folder: Path, estimator: Path, device: Device) -> Kandinsky22:
    return Kandinsky22(folder, device, 10_000_000, side_limit=256, depth_model=estimator)


def depths(width: int, height: int) -> Image.Image:
    """A depth map: a near disc before a floor."""
    y, x = np.mgrid[0:height, 0:width]
    floor = y * 120 // height
    disc = np.hypot(x - width / 2, y - height / 3) < min(width, height) / 4
    return Image.fromarray(np.where(disc, 230, floor).astype(np.uint8))


def photo(width: int, height: int, seed: int = 1) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (5, 5, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def words(size: tuple[int, int] | None = None, **fields: Any) -> TextToImage:
    if size is not None:
        fields |= {"width": size[0], "height": size[1]}
    return TextToImage(**({"prompt": "a fox", "sampler": "ddpm"} | COMMON | fields))


def painted(model: Kandinsky22, *requests: TextToImage | ImageToImage) -> list[Pixels]:
    return travel([model.paint(request, 0) for request in requests])


def differs(one: Pixels, other: Pixels) -> int:
    """The largest difference in 1/255."""
    return int(np.abs(one.astype(np.int16) - other.astype(np.int16)).max())


class Plain:
    """diffusers' pipelines on the same networks, told what the prior made."""

    def __init__(self, folder: Path, model: Kandinsky22) -> None:
        self._model = model
        self._scheduler = folder / "decoder-controlnet" / "scheduler"
        self._parts = {
            "unet": UNet2DConditionModel.from_pretrained(folder / "decoder-controlnet" / "unet"),
            "movq": VQModel.from_pretrained(folder / "decoder" / "movq"),
        }

    def paint(self, request: TextToImage | ImageToImage, depth: Image.Image) -> Pixels:
        """For ImageToImage, the sides are told the wrong way round, as diffusers takes them."""
        generator = torch.Generator().manual_seed(COMMON["seed"])
        toward, away, state = self._meaning(request)
        generator.set_state(state)
        kind: Any = KandinskyV22ControlnetPipeline
        sides = {"width": request.width, "height": request.height}
        more: dict[str, Any] = {}
        if isinstance(request, ImageToImage):
            kind = KandinskyV22ControlnetImg2ImgPipeline
            sides = {"width": request.height, "height": request.width}
            more = {"image": request.picture.picture(), "strength": request.strength}
        pipe = kind(scheduler=self._sampler(request.sampler), **self._parts)
        pipe.set_progress_bar_config(disable=True)
        level = torch.from_numpy(np.array(depth)).float() / 255
        made = pipe(
            image_embeds=toward,
            negative_image_embeds=away,
            hint=level.expand(1, 3, *level.shape),
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            generator=generator,
            **sides,
            **more,
        )
        return np.asarray(made.images[0])

    def _meaning(self, request: TextToImage | ImageToImage) -> tuple[Any, Any, Any]:
        noise = Noise(COMMON["seed"], Device(Settings(device="cpu", threads=1)))
        ((toward, away),) = travel([self._model.meaning(request, noise)])
        return toward, away, noise.generator.get_state()

    def _sampler(self, name: str | None) -> Any:
        config = DDPMScheduler.from_pretrained(self._scheduler).config
        fixed = {key: value for key, value in config.items() if key != "variance_type"}
        if name == "ddim":
            return DDIMScheduler.from_config(fixed)
        if name == "dpm++":
            return DPMSolverMultistepScheduler.from_config(fixed)
        return DDPMScheduler.from_config(config)


@pytest.fixture(scope="module")
def diffusers(folder: Path, model: Kandinsky22) -> Plain:
    return Plain(folder, model)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("guidance", [1.0, 3.0])
def test_text_to_image_follows_a_depth_map(
    sampler: Sampler,
    size: tuple[int, int],
    guidance: float,
    model: Kandinsky22,
    diffusers: Plain,
) -> None:
    depth = depths(*size)
    request = words(size, depth=Source.of(depth), sampler=sampler, guidance=guidance)
    assert differs(painted(model, request)[0], diffusers.paint(request, depth)) <= 1


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_image_to_image_follows_a_depth_map(
    sampler: Sampler, size: tuple[int, int], model: Kandinsky22, diffusers: Plain
) -> None:
    depth = depths(*size)
    fields = words(size, sampler=sampler, depth=Source.of(depth)).model_dump(exclude={"mode"})
    fields |= {"depth": Source.of(depth), "picture": Source.of(photo(*size)), "strength": 0.7}
    request = ImageToImage(**fields)
    assert differs(painted(model, request)[0], diffusers.paint(request, depth)) <= 1


def test_those_who_follow_different_depths_share_a_batch(model: Kandinsky22) -> None:
    requests = [
        words((64, 64), depth=Source.of(depths(64, 64)), seed=1),
        words((64, 64), depth=Source.of(depths(64, 64).transpose(Image.Transpose.ROTATE_180))),
        words((64, 64), seed=1),
        words((64, 64), depth_of=Source.of(photo(90, 70))),
    ]
    together = painted(model, *requests)
    for request, one in zip(requests, together, strict=True):
        assert differs(one, painted(model, request)[0]) <= 1
    assert all(differs(together[0], other) > 1 for other in together[1:])


def test_a_map_of_another_size_is_brought_to_that_of_the_picture(model: Kandinsky22) -> None:
    (found,) = painted(model, words((100, 70), depth=Source.of(depths(200, 140))))
    assert found.shape == (70, 100, 3)


def test_depth_is_estimated_as_transformers_does(
    estimator: Path, device: Device, model: Kandinsky22
) -> None:
    photos = [photo(90, 70), photo(90, 70, seed=2), photo(64, 128, seed=3)]
    ours = DepthEstimator(device, estimator, 0)
    theirs = pipeline("depth-estimation", str(estimator), device="cpu")
    found = travel([ours.see(one) for one in photos])
    for one, depth in zip(photos, found, strict=True):
        expected = theirs(one)["depth"]
        assert depth.size == expected.size == one.size
        assert differs(np.asarray(depth), np.asarray(expected)) <= 1


def test_a_flat_depth_is_flat(device: Device, estimator: Path) -> None:
    assert depth_map(torch.full((4, 4), 3.0)).getextrema() == (0, 0)  # type: ignore[union-attr]
    assert depth_map(torch.tensor([[1.0, torch.nan]])) is None


def test_the_depth_of_a_picture_is_followed_like_its_map(
    estimator: Path, device: Device, model: Kandinsky22
) -> None:
    picture = photo(64, 128)
    (depth,) = travel([_seen(DepthEstimator(device, estimator, 0), picture)])
    by_map = words((64, 128), depth=Source.of(depth))
    by_picture = words((64, 128), depth_of=Source.of(picture))
    assert differs(*painted(model, by_map, by_picture)) <= 1
    before = model.caches["depths"].stats().hits
    painted(model, by_picture)
    assert model.caches["depths"].stats().hits == before + 1


def _seen(estimator: DepthEstimator, picture: Image.Image) -> Way[Any]:
    return (yield from estimator.see(picture))


def test_the_card_says_what_can_be_followed(folder: Path, estimator: Path, tmp_path: Path) -> None:
    own = f"own={folder}"
    (plain,) = find(Settings(models=(own,), data=tmp_path))
    (seeing,) = find(Settings(models=(own,), data=tmp_path, depth_model=estimator))
    (mini,) = find(Settings(data=tmp_path, depth_model=estimator))
    assert [(one.card.depth, one.card.depth_of) for one in (plain, seeing, mini)] == [
        (True, False),
        (True, True),
        (False, False),
    ]
    by_map, by_picture = (
        words(depth=Source.of(depths(90, 120))),
        words(depth_of=Source.of(photo(2000, 1000))),
    )
    assert (resolve(by_map, [plain.card]).width, resolve(by_map, [plain.card]).height) == (90, 120)
    large = resolve(by_picture, [seeing.card])
    assert (large.width, large.height) == (256, 128)
    with pytest.raises(NotOffered, match="depth of a picture"):
        resolve(by_picture, [plain.card])
    with pytest.raises(NotOffered, match="depth map"):
        resolve(by_map, [mini.card])


def test_one_depth_is_enough() -> None:
    with pytest.raises(TwoDepths):
        words(depth=Source.of(depths(64, 64)), depth_of=Source.of(photo(64, 64)))
