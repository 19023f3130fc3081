"""The shared async engine that runs the Kandinsky models. Importing it does not import torch."""

from engine.cards import ModelCard
from engine.events import Cancelled, Done, Event, Failed, Picture, Queued, Step
from engine.requests import Request, TextToImage
from engine.runtime.engine import Engine, Job
from engine.settings import Settings

__all__ = [
    "Cancelled",
    "Done",
    "Engine",
    "Event",
    "Failed",
    "Job",
    "ModelCard",
    "Picture",
    "Queued",
    "Request",
    "Settings",
    "Step",
    "TextToImage",
]
