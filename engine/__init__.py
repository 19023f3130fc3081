"""The shared async engine that runs the Kandinsky models. Importing it does not import torch."""

from engine.cards import ModelCard
from engine.events import Cancelled, Done, Event, Failed, Picture, Queued, Step
from engine.recall import recall
from engine.requests import (
    ImageToImage,
    Inpaint,
    Mix,
    Outpaint,
    Part,
    Request,
    TextToImage,
    Variations,
)
from engine.runtime.engine import Engine, Job
from engine.settings import Settings
from engine.sources import Source

__all__ = [
    "Cancelled",
    "Done",
    "Engine",
    "Event",
    "Failed",
    "ImageToImage",
    "Inpaint",
    "Job",
    "Mix",
    "ModelCard",
    "Outpaint",
    "Part",
    "Picture",
    "Queued",
    "Request",
    "Settings",
    "Source",
    "Step",
    "TextToImage",
    "Variations",
    "recall",
]
