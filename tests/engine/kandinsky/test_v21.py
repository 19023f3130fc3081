"""Every mode of 2.1 with every sampler and shape gives diffusers' pictures (fp32, within 1/255).

The weights are random. Where diffusers itself is wrong, it is helped, and the last tests say how.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    KandinskyImg2ImgPipeline,
    KandinskyInpaintPipeline,
    KandinskyPipeline,
    KandinskyPriorPipeline,
    PriorTransformer,
    UnCLIPScheduler,
    UNet2DConditionModel,
    VQModel,
)
from diffusers.pipelines.kandinsky.text_encoder import MultilingualCLIP
from PIL import Image
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionModelWithProjection,
    XLMRobertaTokenizer,
)

from engine import (
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Part,
    Request,
    Settings,
    Source,
    TextToImage,
    Variations,
)
from engine.canvas import Window, place
from engine.cards import ModelCard, resolve
from engine.kandinsky.pictures import Pixels
from engine.kandinsky.v21 import Kandinsky21
from engine.requests import KINDS, Sampler
from engine.runtime.denoising import Noise
from engine.runtime.device import Device
from engine.runtime.stages import Way, travel
from engine.styles import styled
from tests import tiny21

pytestmark = pytest.mark.slow

SHAPES = {"square": (64, 64), "tall": (64, 128), "wide": (128, 64)}
SAMPLERS: tuple[Sampler, ...] = ("ddim", "ddpm", "dpm++")
COMMON: dict[str, Any] = dict(seed=5, steps=6, guidance=3.0, prior_steps=3, prior_guidance=2.0)
CARD = ModelCard(
    name="2.1",
    title="Kandinsky 2.1",
    modes=tuple(kind.model_fields["mode"].default for kind in KINDS),
    sizes=((64, 64),),
    side_limit=(64, 256),
    count_limit=4,
    steps=50,
    guidance=4.0,
    prior_steps=25,
    prior_guidance=4.0,
    samplers=SAMPLERS,
)

each_sampler = pytest.mark.parametrize("sampler", SAMPLERS)
each_shape = pytest.mark.parametrize("size", SHAPES.values(), ids=SHAPES)


class Upright:
    """Image to image gives the width for the height, which it then refuses unless they are equal;
    so the order of the two is put right."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self.postprocess = processor.postprocess

    def preprocess(self, image: Any, width: int, height: int) -> Any:
        return self._processor.preprocess(image, height, width)


class Plain:
    """The pipelines of 2.1, as their users call them. Sizes are multiples of 64 here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        prior, decoder = folder / "prior", folder / "decoder"
        self.prior = KandinskyPriorPipeline(
            prior=PriorTransformer.from_pretrained(prior / "prior"),
            image_encoder=CLIPVisionModelWithProjection.from_pretrained(prior / "image_encoder"),
            text_encoder=CLIPTextModelWithProjection.from_pretrained(prior / "text_encoder"),
            tokenizer=CLIPTokenizer.from_pretrained(prior / "tokenizer"),
            scheduler=UnCLIPScheduler.from_pretrained(prior / "scheduler"),
            image_processor=CLIPImageProcessorPil.from_pretrained(prior / "image_processor"),
        )
        parts = dict(
            text_encoder=MultilingualCLIP.from_pretrained(decoder / "text_encoder"),
            tokenizer=XLMRobertaTokenizer.from_pretrained(decoder / "tokenizer"),
            unet=UNet2DConditionModel.from_pretrained(decoder / "unet"),
            scheduler=DDIMScheduler.from_pretrained(decoder / "scheduler"),
            movq=VQModel.from_pretrained(decoder / "movq"),
        )
        inpainter = UNet2DConditionModel.from_pretrained(folder / "decoder-inpaint" / "unet")
        self.decoder = KandinskyPipeline(**parts)
        self.changer = KandinskyImg2ImgPipeline(**parts)
        self.changer.image_processor = Upright(self.changer.image_processor)
        self.inpainter = KandinskyInpaintPipeline(**(parts | {"unet": inpainter}))
        for pipeline in (self.prior, self.decoder, self.changer, self.inpainter):
            pipeline.set_progress_bar_config(disable=True)

    def paint(self, request: Request) -> Pixels:
        """The request's only picture, not put back; without words, after its own picture."""
        generator = torch.Generator("cpu").manual_seed(request.seed or 0)
        toward, away = self._mean(request, generator)
        pipeline, fields = self._mode(request)
        pipeline.scheduler = self._scheduler(request.sampler)
        made = pipeline(
            "" if isinstance(request, Mix | Variations) else request.prompt,
            image_embeds=toward,
            negative_image_embeds=away,
            negative_prompt=request.negative_decoder_prompt or None,
            num_inference_steps=request.steps,
            guidance_scale=request.guidance,
            generator=generator,
            **fields,
        )
        return np.asarray(made.images[0])

    def _mean(self, request: Request, generator: torch.Generator) -> tuple[Any, Any]:
        """The embeddings to paint and to steer away from."""
        settings = dict(
            num_inference_steps=request.prior_steps,
            guidance_scale=request.prior_guidance,
            generator=generator,
        )
        negative, against = request.negative_prompt, request.negative_decoder_prompt
        if isinstance(request, Mix):
            found = self.prior.interpolate(
                [part.picture.picture() if part.picture else part.words for part in request.parts],
                [part.weight for part in request.parts],
                negative_prior_prompt=negative or None,
                negative_prompt=against,
                **settings,
            )
            return found.image_embeds, found.negative_image_embeds
        if isinstance(request, TextToImage) or request.prompt:
            assert negative == against
            found = self.prior(request.prompt, negative_prompt=negative or None, **settings)
            return found.image_embeds, found.negative_image_embeds
        assert isinstance(request, ImageToImage | Inpaint | Variations)
        seen = self.see(request.picture.picture())
        if not against:
            return seen, self.prior.get_zero_embed()
        return seen, self.prior(against, **settings).image_embeds

    @torch.no_grad()
    def see(self, picture: Image.Image) -> Any:
        taken = self.prior.image_processor(picture, return_tensors="pt").pixel_values
        return self.prior.image_encoder(taken).image_embeds

    def _mode(self, request: Request) -> tuple[Any, dict[str, Any]]:
        """The pipeline and what it alone takes."""
        size = dict(width=request.width, height=request.height)
        match request:
            case ImageToImage():
                fields = dict(image=request.picture.picture(), strength=request.strength)
                return self.changer, fields | size
            case Inpaint():
                picture, mask = request.picture.picture(), request.mask.picture("L")
                return self.inpainter, dict(image=picture, mask_image=mask) | size
        return self.decoder, size

    def _scheduler(self, sampler: str | None) -> object:
        """As the documentation swaps it: DDPM has a configuration of its own, if it is there."""
        config = DDIMScheduler.from_pretrained(self.folder / "decoder" / "scheduler").config
        own = self.folder / "decoder" / "ddpm_scheduler"
        if sampler == "ddim":
            return DDIMScheduler.from_config(config)
        if sampler == "dpm++":
            return DPMSolverMultistepScheduler.from_config(config)
        return (
            DDPMScheduler.from_pretrained(own)
            if own.is_dir()
            else DDPMScheduler.from_config(config)
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny21.make(tmp_path_factory.mktemp("tiny21"))


@pytest.fixture(scope="module")
def diffusers(folder: Path) -> Plain:
    return Plain(folder)


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    device = Device(Settings(device="cpu", threads=1))
    yield device
    device.close()


@pytest.fixture(scope="module")
def model(folder: Path, device: Device) -> Kandinsky21:
    return Kandinsky21(folder, device, cache_limit=10_000_000, side_limit=256)


def photo(width: int, height: int, seed: int = 1) -> Image.Image:
    """A picture with large and small things in it."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (5, 5, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def blob(width: int, height: int) -> Image.Image:
    """A mask: a third of the picture, not in its middle."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2 + 8, width // 8 : width // 2 + 3] = 255
    return Image.fromarray(mask)


def painted(model: Kandinsky21, *requests: Request) -> list[Pixels]:
    """Their first pictures, sharing passes."""
    return travel([model.paint(resolve(request, [CARD]), 0) for request in requests])


def differs(found: Pixels, expected: Pixels) -> int:
    """The largest difference in 1/255."""
    assert found.shape == expected.shape
    return int(np.abs(found.astype(np.int16) - expected.astype(np.int16)).max())


def check(model: Kandinsky21, diffusers: Plain, request: Request) -> None:
    (found,) = painted(model, request)
    assert differs(found, diffusers.paint(resolve(request, [CARD]))) <= 1


@each_sampler
@each_shape
def test_text_to_image(
    sampler: Sampler, size: tuple[int, int], model: Kandinsky21, diffusers: Plain
) -> None:
    fields = COMMON | {"sampler": sampler, "width": size[0], "height": size[1]}
    check(model, diffusers, TextToImage(prompt="a fox", **fields))


@each_sampler
def test_negatives(sampler: Sampler, model: Kandinsky21, diffusers: Plain) -> None:
    """diffusers' pipelines take one for both uses, and the decoder's is told the same text."""
    request = TextToImage(
        prompt="a fox",
        negative_prompt="red",
        negative_decoder_prompt="red",
        sampler=sampler,
        **COMMON,
    )
    check(model, diffusers, request)


@each_sampler
@pytest.mark.parametrize("prompt", ["лиса 🦊", "a fox with a hat, " * 20], ids=["russian", "long"])
def test_any_words(sampler: Sampler, prompt: str, model: Kandinsky21, diffusers: Plain) -> None:
    """What both encoders cut off does not count: 48 tokens here for the prior, 77 for the other."""
    check(model, diffusers, TextToImage(prompt=prompt, sampler=sampler, **COMMON))


@each_sampler
def test_unguided(sampler: Sampler, model: Kandinsky21, diffusers: Plain) -> None:
    fields = COMMON | {"guidance": 1.0, "prior_guidance": 1.0}
    check(model, diffusers, TextToImage(prompt="a fox", sampler=sampler, **fields))


def test_ddpm_without_its_own_configuration(folder: Path, device: Device, tmp_path: Path) -> None:
    """That of DDIM is taken, as `from_config` does: the variance is fixed, and nothing clipped."""
    for part in ("prior", "decoder-inpaint"):
        (tmp_path / part).symlink_to(folder / part)
    (tmp_path / "decoder").mkdir()
    for part in ("tokenizer", "text_encoder", "unet", "movq", "scheduler"):
        (tmp_path / "decoder" / part).symlink_to(folder / "decoder" / part)
    model = Kandinsky21(tmp_path, device, cache_limit=0, side_limit=256)
    plain = Plain(tmp_path)
    for fields in ({}, {"guidance": 1.0}):
        request = TextToImage(prompt="a fox", sampler="ddpm", **(COMMON | fields))
        check(model, plain, request)


def change(size: tuple[int, int], **fields: Any) -> ImageToImage:
    picture = Source.of(photo(*size))
    return ImageToImage(picture=picture, **(COMMON | {"prompt": "a fox", "steps": 10} | fields))


@each_sampler
@each_shape
def test_image_to_image(
    sampler: Sampler, size: tuple[int, int], model: Kandinsky21, diffusers: Plain
) -> None:
    check(model, diffusers, change(size, sampler=sampler, strength=0.7))


@each_sampler
@pytest.mark.parametrize("strength", [0.3, 0.57, 1.0])
def test_strength(sampler: Sampler, strength: float, model: Kandinsky21, diffusers: Plain) -> None:
    check(model, diffusers, change((64, 64), sampler=sampler, strength=strength))


@pytest.mark.parametrize("strength", [0.01, 0.3, 0.57, 1.0])
def test_what_image_to_image_begins_with(
    strength: float, model: Kandinsky21, diffusers: Plain
) -> None:
    """Its amount of noise differs from one time to the next by less than a picture shows."""
    ours: list[torch.Tensor] = []
    theirs: list[torch.Tensor] = []
    decoder = model.decoders["ddim"]
    advance = decoder.advance

    def noted(stages: Sequence[Any]) -> None:
        ours.append(stages[0].x.clone())
        advance(stages)

    request = change((64, 64), strength=strength, steps=100, guidance=1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder, "advance", noted)
        painted(model, request)
    hook = diffusers.changer.unet.register_forward_pre_hook(
        lambda _, args, fields: theirs.append(fields["sample"].clone()), with_kwargs=True
    )
    diffusers.paint(resolve(request, [CARD]))
    hook.remove()
    assert torch.allclose(ours[0], theirs[0], atol=1e-5)


def test_image_to_image_without_words(model: Kandinsky21, diffusers: Plain) -> None:
    """The decoder is told the empty text, and what the picture shows."""
    check(model, diffusers, change((64, 64), prompt=""))


@each_sampler
@each_shape
def test_variations(
    sampler: Sampler, size: tuple[int, int], model: Kandinsky21, diffusers: Plain
) -> None:
    source = Source.of(photo(80, 120))
    fields = COMMON | {"sampler": sampler, "width": size[0], "height": size[1]}
    check(model, diffusers, Variations(picture=source, **fields))


@each_sampler
def test_variations_away_from_words(sampler: Sampler, model: Kandinsky21, diffusers: Plain) -> None:
    source = Source.of(photo(80, 120))
    fields = COMMON | {"sampler": sampler, "negative_decoder_prompt": "red"}
    check(model, diffusers, Variations(picture=source, **fields))


MIXES: dict[str, dict[str, Any]] = {
    "two pictures": {"parts": (Part(picture=Source.of(photo(64, 64, 2)), weight=0.3),) * 2},
    "words and a picture": {
        "parts": (
            Part(words="a fox", weight=0.6),
            Part(picture=Source.of(photo(90, 64, 3)), weight=0.4),
        )
    },
    "away from words": {
        "parts": (
            Part(words="a fox", weight=1.2),
            Part(words="red", weight=-0.3),
            Part(picture=Source.of(photo(64, 64, 4)), weight=0.1),
        )
    },
    "with negatives": {
        "parts": (Part(words="a fox"), Part(words="a cake", weight=0.5)),
        "negative_prompt": "dark",
        "negative_decoder_prompt": "blue",
    },
}


@each_sampler
@each_shape
def test_mix(sampler: Sampler, size: tuple[int, int], model: Kandinsky21, diffusers: Plain) -> None:
    fields = MIXES["words and a picture"] | {"width": size[0], "height": size[1]}
    check(model, diffusers, Mix(sampler=sampler, **fields, **COMMON))


@pytest.mark.parametrize("fields", MIXES.values(), ids=MIXES)
def test_what_is_mixed(fields: dict[str, Any], model: Kandinsky21, diffusers: Plain) -> None:
    check(model, diffusers, Mix(**fields, **COMMON))


def whole(model: Kandinsky21, device: Device, request: Request) -> Pixels:
    """What the decoder paints, before the picture's own pixels are put back."""
    assert isinstance(request, Inpaint)
    picture, hole = request.picture.picture(), np.asarray(request.mask.picture("L"))

    def way() -> Way[Pixels]:
        noise = Noise(COMMON["seed"], device)
        told = yield from model.tell(request, noise)
        return (yield from model.repaint(request, picture, hole, told, noise))

    (found,) = travel([way()])
    return found


@each_sampler
@each_shape
def test_inpaint(
    sampler: Sampler, size: tuple[int, int], model: Kandinsky21, diffusers: Plain, device: Device
) -> None:
    picture, mask = photo(*size), blob(*size)
    fields = COMMON | {"prompt": "a fox", "sampler": sampler}
    request = resolve(Inpaint(picture=Source.of(picture), mask=Source.of(mask), **fields), [CARD])
    assert differs(whole(model, device, request), diffusers.paint(request)) <= 1
    (found,), hole = painted(model, request), np.asarray(mask) > 0
    assert np.array_equal(found[~hole], np.asarray(picture)[~hole])
    assert not np.array_equal(found[hole], np.asarray(picture)[hole])


def test_inpaint_without_words(model: Kandinsky21, diffusers: Plain, device: Device) -> None:
    source, mask = Source.of(photo(64, 64)), Source.of(blob(64, 64))
    request = resolve(Inpaint(picture=source, mask=mask, **COMMON), [CARD])
    assert differs(whole(model, device, request), diffusers.paint(request)) <= 1


@each_sampler
@each_shape
def test_outpaint(sampler: Sampler, size: tuple[int, int], model: Kandinsky21) -> None:
    """Outpainting is inpainting of the frame."""
    picture = photo(64, 64)
    frame = Window(-32, -32, *size)
    canvas, hole = place(picture, frame)
    fields = COMMON | {"prompt": "a fox", "sampler": sampler}
    found, again = painted(
        model,
        Outpaint(
            picture=Source.of(picture), left=-32, top=-32, width=size[0], height=size[1], **fields
        ),
        Inpaint(picture=Source.of(canvas), mask=Source.of(Image.fromarray(hole)), **fields),
    )
    assert differs(found, again) == 0
    assert np.array_equal(found[32:96, 32:96], np.asarray(picture)[: size[1] - 32, : size[0] - 32])


def crowd() -> list[Request]:
    """A request of each mode, and of each sampler."""
    source, mask = Source.of(photo(64, 64)), Source.of(blob(64, 64))
    return [
        TextToImage(prompt="a fox", **COMMON),
        TextToImage(prompt="лиса", sampler="ddpm", **(COMMON | {"seed": 1, "steps": 4})),
        TextToImage(prompt="a cake", sampler="dpm++", **(COMMON | {"guidance": 1.0})),
        ImageToImage(prompt="a fox", picture=source, strength=0.6, **COMMON),
        Mix(**MIXES["with negatives"], **COMMON),
        Variations(picture=source, **COMMON),
        Inpaint(prompt="a fox", picture=source, mask=mask, **COMMON),
        Outpaint(picture=source, left=-32, top=0, width=64, height=64, **COMMON),
    ]


def test_a_crowd_shares_passes(model: Kandinsky21) -> None:
    rows: list[int] = []
    decoder = model.decoders["ddim"]
    advance = decoder.advance

    def counted(stages: Sequence[Any]) -> None:
        rows.append(len(stages))
        advance(stages)

    alone = [painted(model, request)[0] for request in crowd()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoder, "advance", counted)
        together = painted(model, *crowd())
    assert max(rows) == 5
    for one, other in zip(together, alone, strict=True):
        assert differs(one, other) <= 1


def test_deterministic_pictures_are_the_same_bit_by_bit(folder: Path) -> None:
    device = Device(Settings(device="cpu", threads=1, deterministic=True))
    model = Kandinsky21(folder, device, cache_limit=0, side_limit=256)
    together = painted(model, *crowd())
    assert [one.tobytes() for one in together] == [
        painted(model, request)[0].tobytes() for request in crowd()
    ]
    device.close()


def test_half_precision(folder: Path) -> None:
    device = Device(Settings(device="cpu", threads=1, dtype="bfloat16"))
    model = Kandinsky21(folder, device, cache_limit=0, side_limit=256)
    assert all(one.shape == (64, 64, 3) for one in painted(model, *crowd()))
    device.close()


def missed(model: Kandinsky21) -> dict[str, int]:
    return {name: one.stats().misses for name, one in model.caches.items()}


def test_what_was_computed_before_is_not_computed_again(folder: Path, device: Device) -> None:
    model = Kandinsky21(folder, device, cache_limit=10_000_000, side_limit=256)
    first, misses = painted(model, *crowd()), missed(model)
    for one, other in zip(painted(model, *crowd()), first, strict=True):
        assert differs(one, other) <= 1
    assert missed(model) == misses
    assert all(misses.values())


def test_each_picture_has_its_own_seed(model: Kandinsky21) -> None:
    request = resolve(TextToImage(prompt="a fox", count=2, **COMMON), [CARD])
    later = request.model_copy(update={"seed": COMMON["seed"] + 1})
    second, same, first = travel(
        [model.paint(request, 1), model.paint(later, 0), model.paint(request, 0)]
    )
    assert differs(second, same) <= 1
    assert differs(second, first) > 1


def test_a_style_is_words(model: Kandinsky21) -> None:
    request = TextToImage(prompt="a fox", style="anime", **COMMON)
    said = TextToImage(**styled(request)._asdict(), **COMMON)
    one, same, plain = painted(model, request, said, TextToImage(prompt="a fox", **COMMON))
    assert differs(one, same) <= 1
    assert differs(one, plain) > 1


def test_the_decoder_hears_the_words_themselves(model: Kandinsky21, device: Device) -> None:
    """Not only the picture that the prior makes of them; those to steer away from, too."""
    request = resolve(Variations(picture=Source.of(photo(64, 64)), **COMMON), [CARD])

    def way(prompt: str, against: str) -> Way[torch.Tensor]:
        noise, decoder = Noise(COMMON["seed"], device), model.decoders["ddim"]
        seen = yield from model.meaning(request, noise)
        said = yield from model.words.read([prompt, against])
        toward, away = (
            decoder.condition(one, two.embedding, two.hidden)
            for one, two in zip(seen, said, strict=True)
        )
        stage = decoder.stage(request, noise, toward, away, (8, 8))
        yield stage
        return stage.x

    silent, fox, not_red = travel([way("", ""), way("a fox", ""), way("", "red")])
    assert (silent - fox).abs().mean() > 0.1 * silent.abs().mean()
    assert (silent - not_red).abs().mean() > 0.1 * silent.abs().mean()


# Where diffusers is wrong or weak: what it does, and what we do.


def conditions(diffusers: Plain, rows: int = 1) -> dict[str, Any]:
    toward = diffusers.see(photo(64, 64, 9)).repeat(rows, 1)
    return dict(
        prompt=["a fox"] * rows,
        image_embeds=toward,
        negative_image_embeds=torch.zeros_like(toward),
        num_inference_steps=2,
    )


def test_image_to_image_need_not_be_square(model: Kandinsky21, diffusers: Plain) -> None:
    picture = photo(128, 64)
    theirs = KandinskyImg2ImgPipeline(**diffusers.changer.components)
    with pytest.raises(ValueError, match="latents shape"):
        theirs(image=picture, width=128, height=64, **conditions(diffusers))
    (found,) = painted(model, ImageToImage(picture=Source.of(picture), **COMMON))
    assert found.shape == (64, 128, 3)


def test_any_size_is_that_size(model: Kandinsky21, diffusers: Plain) -> None:
    theirs = diffusers.decoder(width=100, height=90, **conditions(diffusers)).images[0]
    assert theirs.size == (128, 128)
    with pytest.raises(RuntimeError, match="size"):
        diffusers.inpainter(
            image=photo(96, 96),
            mask_image=blob(96, 96),
            width=96,
            height=96,
            **conditions(diffusers),
        )
    source, mask = Source.of(photo(100, 90)), Source.of(blob(100, 90))
    found = painted(
        model,
        TextToImage(prompt="a fox", width=100, height=90, **COMMON),
        ImageToImage(picture=source, **COMMON),
        Variations(picture=source, width=100, height=90, **COMMON),
        Inpaint(picture=source, mask=mask, **COMMON),
        Outpaint(picture=source, left=-7, top=0, width=100, height=90, **COMMON),
    )
    assert {one.shape for one in found} == {(90, 100, 3)}


def test_each_picture_of_a_batch_has_its_own_mask(model: Kandinsky21, diffusers: Plain) -> None:
    """diffusers' pipeline of 2.1 takes them all, unlike that of 2.2."""
    pictures, masks = [photo(64, 64, 1), photo(64, 64, 2)], [blob(64, 64), border(64)]
    noise = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    together = diffusers.inpainter(
        image=pictures, mask_image=masks, latents=noise, **conditions(diffusers, 2), **SMALL
    ).images[1]
    alone = diffusers.inpainter(
        image=pictures[1], mask_image=masks[1], latents=noise[1:], **conditions(diffusers), **SMALL
    ).images[0]
    assert differs(np.asarray(together), np.asarray(alone)) <= 1
    requests = [
        Inpaint(prompt="a fox", picture=Source.of(a), mask=Source.of(b), **COMMON)
        for a, b in zip(pictures, masks, strict=True)
    ]
    for one, request in zip(painted(model, *requests), requests, strict=True):
        assert differs(one, painted(model, request)[0]) <= 1


SMALL = dict(width=64, height=64)


def border(side: int) -> Image.Image:
    """A mask of all but the middle."""
    mask = np.full((side, side), 255, np.uint8)
    mask[16:-16, 16:-16] = 0
    return Image.fromarray(mask)


def test_kept_pixels_stay_through_ten_edits(model: Kandinsky21, diffusers: Plain) -> None:
    original, mask = photo(64, 64), blob(64, 64)
    kept = np.asarray(mask) == 0
    ours, theirs = original, original
    for seed in range(10):
        request = Inpaint(
            prompt="a fox",
            picture=Source.of(ours),
            mask=Source.of(mask),
            **(COMMON | {"seed": seed}),
        )
        ours = Image.fromarray(painted(model, request)[0])
        theirs = diffusers.inpainter(
            image=theirs, mask_image=mask, **conditions(diffusers), **SMALL
        ).images[0]
    assert np.array_equal(np.asarray(ours)[kept], np.asarray(original)[kept])
    assert not np.array_equal(np.asarray(theirs)[kept], np.asarray(original)[kept])


def test_what_guides_the_prior_is_not_the_decoders(
    model: Kandinsky21, diffusers: Plain, device: Device
) -> None:
    """Where only the prior has a negative prompt, diffusers' `interpolate` takes its embedding for
    the decoder's; the original code and we take that of no picture, as in the other modes."""
    parts = (Part(words="a fox"), Part(words="a cake"))
    request = resolve(Mix(parts=parts, negative_prompt="dark", **COMMON), [CARD])

    def way() -> Way[tuple[torch.Tensor, torch.Tensor]]:
        return model.meaning(request, Noise(COMMON["seed"], device))

    ((toward, away),) = travel([way()])
    theirs = diffusers._mean(request, torch.Generator("cpu").manual_seed(COMMON["seed"]))
    nothing = diffusers.prior.get_zero_embed()
    assert torch.allclose(toward, theirs[0], atol=1e-4)
    assert torch.allclose(away, nothing, atol=1e-4)
    assert not torch.allclose(theirs[1], nothing, atol=0.1)
