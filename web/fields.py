"""The form's Gradio components, and their updates when a model or an older request fills them."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from engine.cards import ModelCard
from engine.preferences import ASPECTS
from engine.requests import GUIDANCE_LIMIT, PRIOR_STEPS_LIMIT, STEPS_LIMIT, STRENGTH_LIMIT
from engine.styles import STYLES, title
from engine.texts import Texts
from web.form import defaults
from web.printable import printable

OF_MODEL = ("count", "sampler", "steps", "guidance", "prior_steps", "prior_guidance", "strength")
EXACT = 2**53  # up to here, a browser knows whole numbers from each other


def update(name: str, value: Any, card: ModelCard) -> Any:
    """The field with that value, and within the bounds of that model.

    What cannot be a value of it, as no page of ours sends it, is the model's own.
    """
    value = _fitting(value, defaults(card)[name])
    if name == "count":
        return gr.update(value=min(value, card.count_limit), maximum=card.count_limit)
    if name == "sampler":
        several = len(card.samplers) > 1
        return gr.update(value=value, choices=samplers(card), visible=several)
    if name in ("prior_steps", "prior_guidance"):
        return gr.update(value=value, visible=card.prior_steps > 0)
    return gr.update(value=value)


def _fitting(value: Any, default: Any) -> Any:
    if isinstance(default, str):
        return printable(value) if isinstance(value, str) else default
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if number and abs(value) <= EXACT else default  # nan is no smaller than anything


def samplers(card: ModelCard) -> list[tuple[str, str]]:
    return [(sampler.upper(), sampler) for sampler in card.samplers]


class Fields:
    """Makes each component where the page's layout wants it; `made` collects them by name."""

    def __init__(self, cards: list[ModelCard], texts: Texts) -> None:
        self._cards = cards
        self._card = cards[0]
        self._start = defaults(cards[0])
        self._texts = texts
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

    def edit_prompt(self) -> None:
        self.made["edit_prompt"] = gr.Textbox(
            label=self._say("What should be there?"),
            placeholder=self._say("Leave it empty to let the picture decide"),
            lines=2,
            max_lines=8,
            elem_id="edit_prompt",
        )

    def strength(self) -> None:
        self.made["strength"] = gr.Slider(
            minimum=STRENGTH_LIMIT[0],
            maximum=STRENGTH_LIMIT[1],
            value=self._start["strength"],
            step=0.01,
            label=self._say("Strength"),
            info=self._say("How much of the picture is changed."),
            buttons=[],
            elem_id="strength",
        )

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

    def aspect(self) -> None:
        """Each is drawn as a small frame by the style sheet."""
        self.made["aspect"] = gr.Radio(
            choices=list(ASPECTS),
            value=self._start["aspect"],
            label=self._say("Shape"),
            elem_id="aspect",
        )

    def style(self) -> None:
        """Each is shown by its sample, which the style sheet brings."""
        styles = [(title(style, self._texts), name) for name, style in STYLES.items()]
        self.made["style"] = gr.Radio(
            choices=[(self._say("No style"), ""), *styles],
            value="",
            label=self._say("Style"),
            elem_id="style",
        )

    def seed(self) -> None:
        """Words, not a number: Gradio shows an empty number as 0, and empty means random here."""
        self.made["seed"] = self._digits("seed", self._say("Seed"), self._say("random"))

    def width(self) -> None:
        self.made["width"] = self._digits("width", self._say("Width"), self._say("by the shape"))

    def height(self) -> None:
        self.made["height"] = self._digits("height", self._say("Height"), self._say("by the shape"))

    def model(self) -> None:
        self.made["model"] = gr.Dropdown(
            choices=[(card.title, card.name) for card in self._cards],
            value=self._card.name,
            label=self._say("Model"),
            visible=len(self._cards) > 1,
            elem_id="model",
        )

    def sampler(self) -> None:
        self.made["sampler"] = gr.Dropdown(
            choices=samplers(self._card),
            value=self._start["sampler"],
            label=self._say("Sampler"),
            visible=len(self._card.samplers) > 1,
            elem_id="sampler",
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
            PRIOR_STEPS_LIMIT,
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

    def _digits(self, name: str, label: str, placeholder: str) -> gr.Textbox:
        return gr.Textbox(
            label=label,
            placeholder=placeholder,
            max_lines=1,
            html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            elem_id=name,
        )
