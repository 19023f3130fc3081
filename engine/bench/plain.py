"""Plain diffusers at its best on this machine: one request after another, nothing shared."""

from __future__ import annotations

import asyncio
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
import transformers
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    KandinskyV22CombinedPipeline,
    PriorTransformer,
    UnCLIPScheduler,
    UNet2DConditionModel,
    VQModel,
)
from diffusers.utils import logging as diffusers_logging
from PIL import Image

from engine.bench.machine import cores
from engine.bench.requests import Requests
from engine.cards import filled
from engine.requests import Sampler, TextToImage

COUNT = 4  # pictures of the request that tells whether diffusers is faster in batches


class Plain:
    """The published pipeline. All its work is done in one thread, with its own thread count."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        self._pipeline = load(folder, device, dtype)
        self._samplers = _samplers(self._pipeline.scheduler.config)
        self._cpu = device.type == "cpu"
        self._thread = ThreadPoolExecutor(1, "plain")
        self.threads = cores()
        self.batched = True  # pictures of one request at once; else one after another

    async def latency(self, request: TextToImage) -> float:
        """Seconds that the request takes."""
        return await self._timed(self.pictures, request)

    async def prior_latency(self, request: TextToImage) -> float:
        """Seconds that the prior alone takes."""
        return await self._timed(self._imagine, request)

    async def calibrate(self, requests: Requests, rounds: int) -> str:
        """Find what is fastest here, threads and batches, and say it."""
        await self.latency(requests.default())  # the first is slow
        if self._cpu:
            times = await self._by_threads(requests, rounds)
            self.threads = min(times, key=lambda threads: median(times[threads]))
            said = ", ".join(f"{median(times[n]):.3f} s with {n}" for n in times)
            threads = f"threads: {self.threads} (a request takes {said})"
        else:
            threads = "on the GPU"
        alone = await self.latency(requests.default())
        together = await self.latency(requests.default(count=COUNT))
        self.batched = together < COUNT * alone
        how = "at once" if self.batched else "one by one"
        return f"{threads}; the pictures of a request {how}"

    async def _by_threads(self, requests: Requests, rounds: int) -> dict[int, list[float]]:
        """Latencies by number of threads, taken in turns."""
        times: dict[int, list[float]] = {number: [] for number in sorted({1, cores()})}
        for _ in range(rounds):
            for self.threads in times:
                times[self.threads].append(await self.latency(requests.default()))
        return times

    async def _timed(self, work: Any, request: TextToImage) -> float:
        def run() -> float:
            if self._cpu:
                torch.set_num_threads(self.threads)  # of this thread
            began = perf_counter()
            work(request)
            return perf_counter() - began

        return await asyncio.get_running_loop().run_in_executor(self._thread, run)

    def pictures(self, request: TextToImage) -> list[Image.Image]:
        """The pictures of a resolved request.

        Several at once share one generator: they cost the same, but are not the engine's.
        """
        seed = filled(request.seed)
        if self.batched:
            return self._paint(request, seed, request.count)
        return [self._paint(request, seed + i, 1)[0] for i in range(request.count)]

    def _paint(self, request: TextToImage, seed: int, count: int) -> list[Image.Image]:
        self._pipeline.decoder_pipe.scheduler = self._samplers[filled(request.sampler)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the pipeline's own callback_steps
            found = self._pipeline(
                request.prompt,
                negative_prompt=request.negative_prompt or None,
                num_inference_steps=request.steps,
                guidance_scale=request.guidance,
                num_images_per_prompt=count,
                prior_num_inference_steps=request.prior_steps,
                prior_guidance_scale=request.prior_guidance,
                width=request.width,
                height=request.height,
                generator=torch.Generator("cpu").manual_seed(seed),
            )
        return list(found.images)

    def _imagine(self, request: TextToImage) -> None:
        found = self._pipeline.prior_pipe(
            request.prompt,
            num_inference_steps=request.prior_steps,
            guidance_scale=request.prior_guidance,
            generator=torch.Generator("cpu").manual_seed(filled(request.seed)),
        )
        found.image_embeds.cpu()  # waits for the device


def load(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    """The pipeline of the networks in a folder of the 2.2 layout, without its progress bars."""
    quiet()
    prior, decoder = folder / "prior", folder / "decoder"

    def network(kind: Any, place: Path) -> Any:
        return kind.from_pretrained(
            place, dtype=dtype, use_safetensors=True, local_files_only=True
        ).eval()

    pipeline = KandinskyV22CombinedPipeline(
        unet=network(UNet2DConditionModel, decoder / "unet"),
        scheduler=DDPMScheduler.from_pretrained(decoder / "scheduler", local_files_only=True),
        movq=network(VQModel, decoder / "movq"),
        prior_prior=network(PriorTransformer, prior / "prior"),
        prior_image_encoder=network(
            transformers.CLIPVisionModelWithProjection, prior / "image_encoder"
        ),
        prior_text_encoder=network(
            transformers.CLIPTextModelWithProjection, prior / "text_encoder"
        ),
        prior_tokenizer=transformers.CLIPTokenizer.from_pretrained(
            prior / "tokenizer", local_files_only=True
        ),
        prior_scheduler=UnCLIPScheduler.from_pretrained(prior / "scheduler", local_files_only=True),
        prior_image_processor=None,  # serves only requests with pictures
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(device)


def quiet() -> None:
    """Leave standard error to our own progress."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()


def _samplers(config: Any) -> dict[Sampler, Any]:
    """As a user of diffusers swaps them; the learned variance is DDPM's alone."""
    fixed = {name: value for name, value in config.items() if name != "variance_type"}
    return {
        "ddpm": DDPMScheduler.from_config(config),
        "ddim": DDIMScheduler.from_config(fixed),
        "dpm++": DPMSolverMultistepScheduler.from_config(fixed),
    }
