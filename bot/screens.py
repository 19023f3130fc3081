"""Longer texts: what the bot can do, and what is kept about people. HTML."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from aiogram import html
from aiogram.types import User

from engine.cards import ModelCard
from engine.examples import examples
from engine.texts import Texts
from storage.retention import REFUSALS_KEPT

FLAGS = "--ar 16:9 --count 2 --style anime --seed 7"


def help_text(cards: Sequence[ModelCard], me: User, texts: Texts) -> str:
    """Only what the models here can do; `me` is the bot."""
    modes = {mode for card in cards for mode in card.modes}
    sections = [*_drawing(modes, texts), *_around(me, texts)]
    return "\n\n".join(f"{html.bold(title)}\n{said}" for title, said in sections)


def privacy_text(texts: Texts) -> str:
    say = texts.say
    lines = [
        html.bold(say("🔒 What is kept about you")),
        say("• your words, the pictures that you sent to work on, and those made for you"),
        say("• your settings and your language"),
        say("• your number in Telegram, so that your pictures find you"),
        "",
        say("It is kept until you delete it. Who runs this studio may delete old pictures sooner."),
        say("Words and pictures are checked by programs here."),
        say("Moderators may look at pictures, to keep out what must not be made."),
        say("Requests that were refused are kept for {days} days.", days=REFUSALS_KEPT),
        say("What you sent me in Telegram stays in Telegram until you delete it there."),
        "",
        say("/export gives you all of it as a file."),
        say("/forget deletes all of it, at once and for good."),
    ]
    return "\n".join(lines)


def _drawing(modes: Collection[str], texts: Texts) -> Iterator[tuple[str, str]]:
    say = texts.say
    example = html.code(html.quote(examples(texts)[0]))
    yield say("✍️ Words"), say("Write what to draw, for example:") + f"\n{example}"
    if said := "\n".join(_with_pictures(modes, texts)):
        yield say("🖼 Pictures"), said
    if "inpaint" in modes:
        yield (
            say("🖌 Painting over"),
            say(
                "Press “{button}” under a picture, or answer it with the same picture painted over"
                " in Telegram’s editor. Then say what should be there.",
                button=say("🖌 Edit"),
            ),
        )
    if "mix" in modes:
        yield (
            say("➕ Mixing"),
            say("/mix puts pictures and words together. So does an album that you send me."),
        )
    flags = html.code(f"{html.quote(examples(texts)[0])} {FLAGS}")
    yield (
        say("🎛 Settings"),
        say("/settings and /styles hold for all requests. For a single one, add flags:")
        + f"\n{flags}",
    )


def _with_pictures(modes: Collection[str], texts: Texts) -> Iterator[str]:
    say = texts.say
    if "variations" in modes:
        yield say("• Send one, and I make others like it.")
    if "image_to_image" in modes:
        yield say("• Answer one with words, and I change it.")
    if "outpaint" in modes:
        yield say("• “{button}” continues it past its edges.", button=say("↔️ Extend"))


def _around(me: User, texts: Texts) -> Iterator[tuple[str, str]]:
    say = texts.say
    name = f"@{html.quote(me.username or '')}"
    yield (
        say("🗂 Your pictures"),
        "\n".join(
            [
                say("/history shows them; “/history fox” finds those with a fox."),
                say("/queue shows what is being drawn, /cancel stops it."),
            ]
        ),
    )
    yield (
        say("👥 Groups"),
        say(
            "Add me to a group and write {name} before your words, or answer my messages.",
            name=name,
        ),
    )
    if me.supports_inline_queries:
        yield (
            say("🔎 Any other chat"),
            say("Type {name} and a word there, and choose one of your pictures.", name=name),
        )
    yield say("🔒 Yours"), "/language · /privacy · /export · /forget · /report"
