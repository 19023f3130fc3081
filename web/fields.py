"""The form's Gradio components, and their updates when a model or an older request fills them."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from engine.cards import ModelCard
from engine.requests import GUIDANCE_LIMIT, STEPS_LIMIT
from engine.texts import Texts
from web.form import defaults, size_name

OF_MODEL = ("count", "size", "steps", "guidance", "prior_steps", "prior_guidance")


def update(name: str, value: Any, card: ModelCard) -> Any:
    """The field with that value, and within the bounds of that model."""
    if name == "count":
        return gr.update(value=min(value, card.count_limit), maximum=card.count_limit)
    if name == "size":
        return gr.update(value=value, choices=sizes(card), visible=len(card.sizes) > 1)
    if name in ("prior_steps", "prior_guidance"):
        return gr.update(value=value, visible=card.prior_steps > 0)
    return gr.update(value=value)


def sizes(card: ModelCard) -> list[tuple[str, str]]:
    return [(f"{width} × {height}", size_name(width, height)) for width, height in card.sizes]


class Fields:
    """Makes each component where the page's layout wants it; `made` collects them by name."""

    def __init__(self, cards: list[ModelCard], texts: Texts) -> None:
        self._cards = cards
        self._card = cards[0]
        self._start = defaults(cards[0])
        self._say = texts.say
        self.made: dict[str, Component] = {}

    def prompt(self) -> gr.Textbox:
        box = gr.Textbox(
            label=self._say("What should be in the picture?"),
            placeholder=self._say("A fox on a blue background"),
            lines=3,
            max_lines=10,
            elem_id="prompt",
        )
        self.made["prompt"] = box
        return box

    def count(self) -> None:
        self.made["count"] = gr.Slider(
            minimum=1,
            maximum=self._card.count_limit,
            value=1,
            step=1,
            label=self._say("How many pictures"),
            buttons=[],
            elem_id="count",
        )

    def size(self) -> None:
        self.made["size"] = gr.Dropdown(
            choices=sizes(self._card),
            value=self._start["size"],
            label=self._say("Size"),
            visible=len(self._card.sizes) > 1,
            elem_id="size",
        )

    def seed(self) -> None:
        """Words, not a number: Gradio shows an empty number as 0, and empty means random here."""
        self.made["seed"] = gr.Textbox(
            label=self._say("Seed"),
            placeholder=self._say("random"),
            max_lines=1,
            html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            elem_id="seed",
        )

    def model(self) -> None:
        self.made["model"] = gr.Dropdown(
            choices=[(card.title, card.name) for card in self._cards],
            value=self._card.name,
            label=self._say("Model"),
            visible=len(self._cards) > 1,
            elem_id="model",
        )

    def negative_prompt(self) -> None:
        self.made["negative_prompt"] = gr.Textbox(
            label=self._say("Negative prompt"),
            info=self._say("What should not be in the picture."),
            lines=2,
            elem_id="negative_prompt",
        )

    def negative_decoder_prompt(self) -> None:
        self.made["negative_decoder_prompt"] = gr.Textbox(
            label=self._say("Negative decoder prompt"),
            info=self._say(
                "The same for the second stage only, which paints what the first chose."
            ),
            lines=2,
            elem_id="negative_decoder_prompt",
        )

    def steps(self) -> None:
        self._number(
            "steps",
            STEPS_LIMIT,
            self._say("Steps"),
            self._say("More steps take longer and show finer detail."),
        )

    def guidance(self) -> None:
        self._number(
            "guidance",
            GUIDANCE_LIMIT,
            self._say("Guidance"),
            self._say("How closely the painting keeps to what was chosen."),
        )

    def prior_steps(self) -> None:
        self._number(
            "prior_steps",
            STEPS_LIMIT,
            self._say("Prior steps"),
            self._say("Steps of the first stage, which turns words into an idea of a picture."),
        )

    def prior_guidance(self) -> None:
        self._number(
            "prior_guidance",
            GUIDANCE_LIMIT,
            self._say("Prior guidance"),
            self._say("How closely that idea keeps to your words."),
        )

    def _number(self, name: str, limits: tuple[float, float], label: str, info: str) -> None:
        whole = isinstance(limits[0], int)
        self.made[name] = gr.Slider(
            minimum=limits[0],
            maximum=limits[1],
            value=self._start[name],
            step=1 if whole else 0.1,
            label=label,
            info=info,
            visible=self._card.prior_steps > 0 or not name.startswith("prior"),
            buttons=[],
            elem_id=name,
        )
