"""The sentences that the page's scripts show, by the key they ask for; they fill {braces}."""

from __future__ import annotations

import json

from engine.texts import Texts


def sentences(texts: Texts) -> dict[str, str]:
    say = texts.say
    return {
        # core.js
        "away": say("The studio does not answer. Trying again…"),
        "back": say("The studio is back."),
        "again": say("Try again"),
        "close": say("Close"),
        "cancel": say("Cancel"),
        "failed": say("That did not work. Please try again."),
        # live.js
        "link_copied": say("The link is copied. Anybody who has it can see this picture."),
        "link_ready": say("Anybody who has this link can see the picture:"),
        "report_ask": say("What is wrong with this picture? A moderator will read it."),
        "report": say("Report"),
        "reported": say("Thank you. A moderator will look at it."),
        "delete_ask": say("Delete this picture for good?"),
        "delete": say("Delete"),
        "none_yet": say("You have no pictures yet."),
        # mix.js
        "start_choose": say("Choose a picture to start from"),
        "summary_pictures": say("pictures: {count}"),
        "summary_seed": say("seed {seed}"),
        "mix_choose": say("Choose a picture for the mix"),
        "mix_words": say("Words"),
        "mix_weight": say("Weight"),
        "mix_remove": say("Remove"),
        "mix_full": say("A mix takes {limit} parts at most."),
        "mix_placeholder": say("a fox, in autumn, made of glass …"),
        "mix_added": say("Added to the mix."),
        # edit.js, fill.js, extend.js
        "edit_pixels": say("{pixels} px"),
        "edit_share": say("{share} of the picture will be painted anew"),
        "edit_nothing": say("Nothing is marked yet"),
        "edit_frame": say("{width} × {height} px; {limit} px a side are the most"),
        "edit_frame_full": say("There is no room for that: {limit} px a side are the most."),
        "edit_mask_bad": say("This file is no picture that can be read here."),
        "edit_mask_size": say(
            "This mask is {mask}, but the picture is {picture}. Choose one of the same size."
        ),
        "edit_lost": say("This picture is no longer here. Please choose it again."),
        "edit_accepted": say("Go on with this one. “Back to the one before” undoes it."),
        "edit_picture": say("One of your pictures"),
        # history.js
        "history_shown": say("Pictures shown: {n}"),
        "history_selected": say("Selected: {n}"),
        "history_delete_ask": say("Delete the selected pictures ({n}) for good?"),
        "history_deleted": say("Deleted: {n}"),
        "history_restored": say("The settings of this picture are in the form."),
        "history_unshared": say("The link no longer works."),
        # notices.js
        "appeal_ask": say("Why should this picture stay? Somebody else will look at it again."),
        "appeal": say("Appeal"),
        "appealed": say("Thank you. Somebody else will look at it, and you will hear from us."),
    }


def embedded(texts: Texts) -> str:
    """A tag that holds them."""
    held = json.dumps(sentences(texts), ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="texts">{held}</script>'
