"""The studio's page in one language: its layout, and which press calls which handler.

Nothing is done here: what a press does is in web/handlers.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from engine.cards import ModelCard
from engine.studio import Studio
from engine.texts import Texts
from web.fields import OF_MODEL, Fields
from web.form import FIELDS
from web.fragments import Fragments
from web.handlers import Handlers

STATIC = Path(__file__).parent / "static"
HISTORY_PAGE = 24  # jobs shown at first, and more each time
STORAGE_SECRET = "kandinsky-studio"  # noqa: S105 - every browser gets it; it keeps nothing secret

EXAMPLES = {
    "en": (
        "a fox on a blue background",
        "two owls on a purple background",
        "a small rocket on a black background",
        "a cactus on a pink background",
    ),
    "ru": (
        "лиса на синем фоне",
        "две совы на фиолетовом фоне",
        "маленькая ракета на чёрном фоне",
        "кактус на розовом фоне",
    ),
}

# Buttons inside our own HTML carry data-do and what their handler needs to know.
PRESSES = """
const known = ['seed', 'reuse', 'stop'];
element.addEventListener('click', (event) => {
    const button = event.target.closest('[data-do]');
    if (button && known.includes(button.dataset.do)) {
        trigger(button.dataset.do, { ...button.dataset });
    }
});
"""


class Page:
    """Builds the Blocks; the parts that several events touch are kept on it."""

    def __init__(self, studio: Studio, cards: list[ModelCard], texts: Texts) -> None:
        self._texts = texts
        self._say = texts.say
        self._show = Fragments(texts)
        self._on = Handlers(studio, cards, texts)
        self._fields = Fields(cards, texts)
        self._several_models = len(cards) > 1

    def build(self) -> gr.Blocks:
        blocks = gr.Blocks(
            title="Kandinsky Studio",
            fill_width=True,
            analytics_enabled=False,
            delete_cache=(3600, 3600),
        )
        with blocks:
            self._memory()
            self._layout()
            self._wire(blocks)
            blocks.queue(default_concurrency_limit=None)
        return blocks

    def _memory(self) -> None:
        """What the browser remembers for both languages, and what only this tab does."""
        self._job = gr.BrowserState(None, storage_key="studio-job", secret=STORAGE_SECRET)
        self._saved = gr.BrowserState(None, storage_key="studio-form", secret=STORAGE_SECRET)
        self._shown = gr.State(HISTORY_PAGE)
        self._key = gr.Textbox(visible=False)
        self._wake = gr.Button(visible="hidden", elem_id="wake")

    def _layout(self) -> None:
        self._own(self._show.header(), "header")
        with gr.Row(elem_id="studio"):
            with gr.Column(elem_id="ask"):
                self._ask()
            with gr.Column(elem_id="settings"):
                self._settings()
            self._stage = self._own(self._show.empty(), "stage")
        self._history = self._own("", "history")
        self._more = gr.Button(self._say("Show more"), elem_id="more", size="sm")

    def _ask(self) -> None:
        self._prompt = self._fields.prompt()
        with gr.Row(elem_id="examples"):
            for text in EXAMPLES[self._texts.language]:
                example = gr.Button(text, size="sm", elem_classes="example")
                example.click(
                    None, None, self._prompt, js=f"() => {text!r}", api_visibility="private"
                )
        self._problem = self._own("", "problem")
        with gr.Row(elem_id="go"):
            self._draw = gr.Button(
                self._say("Draw"), variant="primary", size="lg", elem_id="draw", scale=3
            )
            self._stop = gr.Button(
                self._say("Stop"), size="lg", visible=False, elem_id="stop", scale=1
            )

    def _own(self, html: str, name: str) -> gr.HTML:
        return gr.HTML(html, elem_id=name, js_on_load=PRESSES, apply_default_css=False)

    def _settings(self) -> None:
        self._fields.count()
        self._fields.size()
        with gr.Row(elem_id="seed-row"):
            self._fields.seed()
            self._same = gr.Button(self._say("Same as last"), size="sm", elem_id="same")
            self._fresh = gr.Button(self._say("Random"), size="sm", elem_id="fresh")
        with gr.Accordion(self._say("More settings"), open=False, elem_id="advanced"):
            for name in ("model", "negative_prompt", "negative_decoder_prompt", *OF_MODEL[2:]):
                getattr(self._fields, name)()

    def _wire(self, blocks: gr.Blocks) -> None:
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        raw = private | {"preprocess": False}  # the request's own checks speak
        on, fields = self._on, [self._fields.made[name] for name in FIELDS]

        following: dict[str, Any] = private | {
            "fn": on.follow,
            "inputs": [self._job, self._shown],
            "outputs": [self._stage, self._job, self._stop, self._history],
            "trigger_mode": "multiple",
        }
        blocks.load(on.restore, self._saved, fields, **private)
        blocks.load(**following)
        self._wake.click(**following)
        self._draw.click(
            on.submit,
            [self._key, *fields],
            [self._problem, self._job],
            js="(key, ...fields) => [studio.key(fields), ...fields]",
            **raw,
        ).success(**following)
        self._stop.click(on.stop, self._job, self._problem, **private)

        for part in (self._stage, self._history):
            part.seed(on.seed, None, fields[FIELDS.index("seed")], **private)
            part.reuse(on.reuse, None, [self._problem, *fields], **private).then(
                None, None, None, js="() => studio.show('prompt')", api_visibility="private"
            )
            part.stop(on.stop_listed, None, self._problem, **private)
        self._same.click(on.last_seed, self._job, fields[FIELDS.index("seed")], **private)
        self._fresh.click(
            None, None, fields[FIELDS.index("seed")], js="() => ''", api_visibility="private"
        )
        self._more.click(None, self._shown, self._shown, js=f"(n) => n + {HISTORY_PAGE}", **private)
        self._remember(fields)

    def _remember(self, fields: list[Any]) -> None:
        """Keeps the form in the browser at every change that the visitor makes."""
        gr.on(
            [field.change for field in fields],
            None,
            fields,
            self._saved,
            js="(...fields) => [fields]",
            api_visibility="private",
            show_progress="hidden",
        )
        if self._several_models:
            made = self._fields.made
            made["model"].input(  # type: ignore[attr-defined]
                self._on.adapt,
                made["model"],
                [made[name] for name in OF_MODEL],
                api_visibility="private",
                show_progress="hidden",
            )


def head(language: str, version: str) -> str:
    """What the page adds to <head>: its own style and script, and no more."""
    return f"""
<link rel="icon" type="image/svg+xml" href="/static/favicon.svg">
<link rel="stylesheet" href="/static/page.css?{version}">
<script>document.documentElement.lang = "{language}"</script>
<script src="/static/page.js?{version}"></script>
"""
