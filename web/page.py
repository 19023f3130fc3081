"""The studio's page in one language: its layout, and which press calls which handler.

Nothing is done here: what a press does is in web/handlers.py and in the scripts of web/static.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from engine.cards import ModelCard
from engine.examples import examples
from engine.studio import Studio
from engine.styles import STYLES
from engine.texts import Texts
from web.fields import OF_MODEL, Fields
from web.form import FIELDS
from web.fragments import Fragments
from web.handlers import Handlers
from web.scripts import embedded

STATIC = Path(__file__).parent / "static"
STORAGE_SECRET = "kandinsky-studio"  # noqa: S105 - every browser gets it; it keeps nothing secret

FOLDED = (
    "model",
    "width",
    "height",
    "sampler",
    "steps",
    "guidance",
    "prior_steps",
    "prior_guidance",
    "negative_decoder_prompt",
)
# Scripts call handlers by these events.
BRIDGE = """
const known = ['fill', 'seed'];
window.studioTrigger = (name, data) => known.includes(name) && trigger(name, data);
"""
MEMORY = f"""(...fields) => studio.summarise(
    Object.fromEntries({list(FIELDS)}.map((name, i) => [name, fields[i]]))
)"""
DIRECT: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
STYLES_SHEETS = ("page", "mix", "edit", "history", "notices")
MODULES = ("core", "live", "create", "mix", "edit", "history", "notices")
ELSEWHERE = ("account", "signing", "moderation")  # how scripts of other pages begin


class Page:
    """Builds the Blocks; the parts that several events touch are kept on it."""

    def __init__(self, studio: Studio, cards: list[ModelCard], texts: Texts) -> None:
        self._texts = texts
        self._say = texts.say
        self._show = Fragments(texts, cards)
        self._on = Handlers(studio, cards, texts)
        self._fields = Fields(cards, texts)
        self._several_models = len(cards) > 1

    def build(self) -> gr.Blocks:
        blocks = gr.Blocks(title="Kandinsky Studio", fill_width=True, analytics_enabled=False)
        with blocks:
            self._saved = gr.BrowserState(None, storage_key="studio-form", secret=STORAGE_SECRET)
            self._layout()
            self._wire(blocks)
        return blocks

    def _layout(self) -> None:
        self._own("header")
        self._own("strip")
        with gr.Row(elem_id="studio"):
            with gr.Column(elem_id="ask"):
                self._ask()
            with gr.Column(elem_id="settings"):
                self._settings()
            self._own("empty", "stage")
        self._own("history", "history-panel")
        self._own("footer")
        with gr.Row(elem_id="unseen"):
            self._key, self._task, self._jobs = gr.Textbox(), gr.Textbox(), gr.Textbox()
            self._bridge = gr.HTML("", js_on_load=BRIDGE)

    def _ask(self) -> None:
        with gr.Column(elem_id="tab-create"):
            self._prompt = self._fields.prompt()
            self._examples()
            self._own("start")
        with gr.Column(elem_id="tab-mix"):
            self._own("mix")
        with gr.Column(elem_id="tab-edit"):
            self._own("edit")
            self._fields.edit_prompt()
        self._fields.strength()
        self._problem = gr.HTML("", elem_id="problem", apply_default_css=False)
        self._own("summary")
        self._draw = gr.Button(self._say("Draw"), variant="primary", size="lg", elem_id="draw")

    def _examples(self) -> None:
        with gr.Row(elem_id="examples"):
            for text in examples(self._texts):
                example = gr.Button(text, size="sm", elem_classes="example")
                example.click(None, None, self._prompt, js=f"() => {text!r}", **DIRECT)

    def _own(self, part: str, elem_id: str | None = None) -> None:
        """A part whose HTML is ours; its script finds it by the ids inside."""
        html = self._show.part(part)
        gr.HTML(html, elem_id=elem_id or f"{part}-part", js_on_load=None, apply_default_css=False)

    def _settings(self) -> None:
        self._fields.count()
        self._fields.aspect()
        self._fields.style()
        self._fields.negative_prompt()
        with gr.Row(elem_id="seed-row"):
            self._fields.seed()
            self._same = gr.Button(self._say("Same as last"), size="sm", elem_id="same")
            self._fresh = gr.Button(self._say("Random"), size="sm", elem_id="fresh")
        with gr.Accordion(self._say("More settings"), open=False, elem_id="advanced"):
            for name in FOLDED:
                getattr(self._fields, name)()

    def _wire(self, blocks: gr.Blocks) -> None:
        on, fields = self._on, [self._fields.made[name] for name in FIELDS]
        seed = self._fields.made["seed"]
        blocks.load(on.restore, self._saved, fields, **DIRECT)
        self._draw.click(
            on.submit,
            [self._key, self._task, *fields],
            [self._problem, self._jobs],
            js="async (key, task, ...fields) => [...(await studio.task(fields)), ...fields]",
            preprocess=False,  # the request's own checks speak
            trigger_mode="multiple",
            **DIRECT,
        ).then(None, self._jobs, None, js="(jobs) => studio.submitted(jobs)", **DIRECT)
        self._bridge.fill(on.fill, None, fields, **DIRECT)
        self._bridge.seed(on.seed, None, seed, **DIRECT)
        self._same.click(None, seed, seed, js="(seed) => studio.lastSeed() ?? seed", **DIRECT)
        self._fresh.click(None, None, seed, js="() => ''", **DIRECT)
        changes = [field.change for field in fields]  # type: ignore[attr-defined]
        gr.on(changes, None, fields, self._saved, js=MEMORY, **DIRECT)
        if self._several_models:
            of_model = [self._fields.made[name] for name in OF_MODEL]
            model = self._fields.made["model"]
            model.input(on.adapt, model, of_model, **DIRECT)  # type: ignore[attr-defined]


def head(texts: Texts) -> str:
    """What the page adds to <head>: its own style, texts and scripts, and no more."""
    sheets = "".join(
        f'<link rel="stylesheet" href="/static/{name}.css">\n' for name in STYLES_SHEETS
    )
    modules = "".join(
        f'<script type="module" src="/static/{name}.js"></script>\n' for name in MODULES
    )
    preloads = "".join(
        f'<link rel="modulepreload" href="/static/{file.name}">\n'
        for file in sorted(STATIC.glob("*.js"))
        if not file.stem.startswith(ELSEWHERE)
    )
    samples = "".join(
        f'#style label:has(input[value="{value}"])::before'
        f'{{background-image:url("/styles/{name}.webp")}}'
        for value, name in (("", "none"), *zip(STYLES, STYLES, strict=True))
    )
    return f"""
<link rel="icon" type="image/svg+xml" href="/static/favicon.svg">
{sheets}<style>{samples}</style>
<script>document.documentElement.lang = "{texts.language}"</script>
{embedded(texts)}
{preloads}{modules}"""
