"""Original 3.1 checkpoints become folders that paint the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler, Kandinsky3Pipeline
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engine import Inpaint, Settings, Source, TextToImage
from engine.kandinsky import convert, v3
from engine.kandinsky.v3 import Kandinsky3
from engine.kandinsky.v3unet import UNet, Words
from engine.runtime import samplers
from engine.runtime.device import Device
from engine.runtime.stages import travel
from tests import tiny3
from tests.original3 import (
    CONTEXT,
    HIDDEN,
    OriginalMoVQ,
    blank,
    checkpoint,
    movq_shapes,
    projection_shapes,
    unet_forward,
    unet_shapes,
)

pytestmark = pytest.mark.slow


@torch.inference_mode()
@pytest.mark.parametrize("channels", [4, 9], ids=["base", "inpainting"])
def test_the_unet_predicts_the_same(channels: int) -> None:
    state, projection = checkpoint(unet_shapes(channels)), checkpoint(projection_shapes())
    null = torch.randn(CONTEXT)
    unet = UNet(convert.unet(state, projection), null).eval()
    hidden = torch.randn(5, HIDDEN)
    context, mask = torch.zeros(2, 6, CONTEXT), torch.zeros(2, 6, dtype=torch.bool)
    context[0, :5] = F.layer_norm(
        hidden @ projection["0.weight"].T, [CONTEXT], projection["1.weight"], projection["1.bias"]
    )
    context[1, 0] = null
    mask[0, :5] = mask[1, :1] = True
    x, times = torch.randn(2, channels, 8, 16), torch.tensor([979, 20])
    words = Words.stack([unet.read(hidden, 6), unet.unsaid()], 8)
    expected = unet_forward(state, x, times, context, mask)
    assert expected.std() > 0.1
    assert torch.allclose(unet(x, times, *words), expected, atol=1e-4)


@torch.inference_mode()
def test_movq_sees_and_shows_the_same() -> None:
    state = checkpoint(movq_shapes())
    model, original = convert.movq(state).eval(), OriginalMoVQ(state)
    pixels, latents = torch.rand(1, 3, 16, 32) * 2 - 1, torch.randn(1, 4, 8, 16)
    assert torch.allclose(model.encode(pixels).latents, original.encode(pixels), atol=1e-4)
    shown = model.decode(latents, force_not_quantize=True).sample
    assert torch.allclose(shown, original.decode(latents), atol=1e-4)


def test_every_name_of_the_full_size() -> None:
    """The numbers of parameters are those of diffusers' own models, but for MoVQ's codebook."""
    projection = blank(projection_shapes(4096, 4096))
    widths = (384, 768, 1536, 3072)
    base, inpainting = (
        convert.unet(blank(unet_shapes(channels, widths, 1536, 4096, layers=3)), projection)
        for channels in (4, 9)
    )
    movq = convert.movq(blank(movq_shapes(256, (1, 2, 2, 4), 2)))
    numbers = [sum(one.numel() for one in net.parameters()) for net in (base, inpainting, movq)]
    assert numbers == [3_055_348_228, 3_055_348_228 + 5 * 192 * 9, 270_669_103 - 16_383 * 4]


def test_no_weight_may_lack_or_be_left_over() -> None:
    state, projection = checkpoint(unet_shapes()), checkpoint(projection_shapes())
    with pytest.raises(ValueError, match=r"Unexpected.*more\.weight"):
        convert.unet(state | {"more.weight": torch.zeros(1)}, projection)
    del state["out_layer.2.bias"]
    with pytest.raises(ValueError, match=r"Missing.*conv_out\.bias"):
        convert.unet(state, projection)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as weights/ of ai-forever/Kandinsky3.1."""
    folder = tmp_path_factory.mktemp("originals")
    texts = folder / "flan_ul2_encoder"
    null = torch.randn(1, CONTEXT)
    for seed, (kind, projection) in enumerate(convert.PROJECTIONS.items()):
        state = checkpoint(unet_shapes(9 if kind == "inpainting" else 4), seed)
        name = "kandinsky3.pt" if kind == "base" else f"kandinsky3_{kind}.pt"
        torch.save({"null_embedding": null, "unet": state}, folder / name)
        texts.mkdir(exist_ok=True)
        torch.save(checkpoint(projection_shapes(), seed), texts / projection)
    torch.save(checkpoint(movq_shapes(32, (1, 1, 1, 2))), folder / "movq.pt")
    encoder = tiny3.text_encoder()
    encoder.config.save_pretrained(texts)
    torch.save(encoder.state_dict(), texts / "pytorch_model.bin")
    tiny3.tokenizer().save_pretrained(texts)
    return folder


@pytest.fixture(scope="module")
def device() -> Iterator[Device]:
    device = Device(Settings(device="cpu", dtype="float32", threads=1))
    yield device
    device.close()


def test_a_folder_for_every_mode(originals: Path, device: Device, tmp_path: Path) -> None:
    for name in ("kandinsky3.pt", "kandinsky3_inpainting.pt"):
        convert.main([str(originals / name), str(tmp_path)])
    model = Kandinsky3(tmp_path, device, 0)
    assert "inpaint" in model.modes
    common: dict[str, Any] = dict(
        prompt="a fox", seed=1, steps=2, guidance=3.0, sampler="ddpm", width=64, height=64
    )
    picture, mask = Image.linear_gradient("L").resize((64, 64)), Image.new("L", (64, 64), 255)
    sources: dict[str, Any] = dict(picture=Source.of(picture.convert("RGB")), mask=Source.of(mask))
    requests = TextToImage(**common), Inpaint(**common, **sources)
    for pixels in travel([model.paint(one, 0) for one in requests]):
        assert pixels.std() > 1


def test_diffusers_reads_the_folder_too(originals: Path, tmp_path: Path) -> None:
    convert.main([str(originals / "kandinsky3.pt"), str(tmp_path)])
    pipeline = Kandinsky3Pipeline.from_pretrained(tmp_path)
    expected = torch.load(originals / "flan_ul2_encoder" / "pytorch_model.bin", weights_only=True)
    encoder = pipeline.text_encoder.state_dict()
    assert all(torch.equal(encoder[name], one) for name, one in expected.items())
    assert pipeline.tokenizer("fox").input_ids == tiny3.tokenizer()("fox").input_ids


def test_flash(originals: Path, tmp_path: Path) -> None:
    convert.main([str(originals / "kandinsky3_flash.pt"), str(tmp_path)])
    assert v3.times(tmp_path) == (979, 729, 479, 229)
    convert.main([str(originals / "kandinsky3.pt"), str(tmp_path)])
    assert v3.times(tmp_path) is None


def test_a_safe_text_encoder_is_taken_as_it_is(tmp_path: Path) -> None:
    source = tmp_path / "flan_ul2_encoder"
    tiny3.text_encoder().save_pretrained(source)
    tiny3.tokenizer().save_pretrained(source)
    convert.text_encoder(source, tmp_path / "model")
    file = Path("text_encoder") / "model.safetensors"
    assert (tmp_path / "model" / file).read_bytes() == (source / file.name).read_bytes()
    assert {one.name for one in (tmp_path / "model" / "tokenizer").iterdir()} == {
        "tokenizer.json",
        "tokenizer_config.json",
    }


def test_the_kind_must_fit(originals: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="it is not flash"):
        convert.main([str(originals / "kandinsky3_inpainting.pt"), str(tmp_path), "--kind=flash"])
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_told(
    originals: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kandinsky3.pt").symlink_to(originals / "kandinsky3.pt")
    projection = originals / "flan_ul2_encoder" / "projection.pt"
    target = tmp_path / "model"
    convert.main([str(tmp_path / "kandinsky3.pt"), str(target), f"--projection={projection}"])
    assert "Still missing" in capsys.readouterr().out


class Trap:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (self.file,)  # type: ignore[return-value]


def test_no_code_runs(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    torch.save({"unet": Trap(sprung), "null_embedding": 0}, tmp_path / "kandinsky3.pt")
    with pytest.raises(SystemExit, match="more than numbers"):
        convert.main([str(tmp_path / "kandinsky3.pt"), str(tmp_path / "model")])
    assert not sprung.exists()


def test_its_scheduler_steps_as_the_original() -> None:
    """As `p_sample` of kandinsky3/model/diffusion.py; the last step's end differs by a trifle."""
    config: dict[str, Any] = convert.SCHEDULER | {"dynamic_thresholding_ratio": 0.99}
    scheduler = DDPMScheduler(**config)
    table = samplers.decoder_table(scheduler, "ddpm", 10)
    times = list(range(999, 0, -100))
    assert table.times.tolist() == times
    threshold, alphas = samplers.Threshold.of(scheduler), scheduler.alphas_cumprod
    torch.manual_seed(0)
    x = other = torch.randn(1, 4, 8, 8)
    for row, (time, ahead) in zip(
        table.rows, zip(times, [*times[1:], 0], strict=True), strict=True
    ):
        noise, drawn = torch.tanh(x), torch.randn(x.shape)
        x, _ = samplers.step(row[None], x, noise, None, x, drawn, threshold)
        other = original_step(other, noise, drawn, alphas[time], alphas[ahead], ahead == 0)
        assert torch.allclose(x, other, atol=1e-3 if ahead else 0.02)


def original_step(
    x: Tensor, noise: Tensor, drawn: Tensor, now: Tensor, ahead: Tensor, last: bool
) -> Tensor:
    clean = (x - (1 - now).sqrt() * noise) / now.sqrt()
    most = torch.quantile(clean.flatten(1).abs(), 0.99, dim=-1).clip(min=1)
    clean = torch.clip(clean, -most, most) / most
    noise = (x - now.sqrt() * clean) / (1 - now).sqrt()
    spread = ((1 - now / ahead) * (1 - ahead) / (1 - now)).sqrt()
    mean = ahead.sqrt() * clean + (1 - ahead - spread**2).sqrt() * noise
    return mean if last else mean + spread * drawn
