"""What there is to choose from: the models and the styles."""

from __future__ import annotations

from fastapi import APIRouter

from engine import styles
from engine.styles import STYLES
from web.api import answers
from web.api.answers import Cards, Style, Styles
from web.api.call import Called
from web.api.refusals import refusals

router = APIRouter(prefix="/api", tags=["Models"], responses=refusals(401, 429, 503))


@router.get("/models")
async def models(call: Called) -> Cards:
    """The models that are served, and what each can do."""
    return Cards(models=[answers.card(one) for one in call.studio.models()])


@router.get("/styles")
async def presets(call: Called) -> Styles:
    """The styles, with the words that each adds."""
    found = [
        Style(
            name=one.name,
            title=styles.title(one, call.texts),
            words=one.words,
            negative=one.negative,
        )
        for one in STYLES.values()
    ]
    return Styles(styles=found)
