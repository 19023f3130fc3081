"""The look of Gradio's own parts: calm paper and ink, one cobalt accent, the system's fonts."""

from __future__ import annotations

import gradio as gr
from gradio.themes.utils import sizes
from gradio.themes.utils.colors import Color

COBALT = Color(
    name="cobalt",
    c50="#eef3ff",
    c100="#dce6ff",
    c200="#bccfff",
    c300="#92affc",
    c400="#6c8ff5",
    c500="#456fe6",
    c600="#2f57cf",
    c700="#2645a8",
    c800="#213a85",
    c900="#1c3069",
    c950="#121f45",
)
PAPER = Color(
    name="paper",
    c50="#faf9f7",
    c100="#f2f0ec",
    c200="#e5e2dc",
    c300="#d0ccc4",
    c400="#a09b92",
    c500="#6f6b64",
    c600="#57534d",
    c700="#3d3a36",
    c800="#282624",
    c900="#1c1b19",
    c950="#131211",
)
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    """No font or style of it comes from another server."""
    base = gr.themes.Base(
        primary_hue=COBALT,
        secondary_hue=COBALT,
        neutral_hue=PAPER,
        radius_size=sizes.radius_lg,
        text_size=sizes.text_md,
        font=FONTS,
        font_mono=MONO,
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        block_border_width="0px",
        block_border_width_dark="0px",
        block_shadow="none",
        block_padding="0px",
        block_label_text_weight="600",
        block_title_text_weight="600",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_200",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        panel_background_fill="transparent",
        panel_background_fill_dark="transparent",
        panel_border_width="0px",
        layout_gap="*spacing_xl",
        input_background_fill="white",
        input_background_fill_dark="*neutral_900",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_border_width="1px",
        input_shadow="none",
        input_shadow_focus="0 0 0 3px *primary_200",
        input_shadow_focus_dark="0 0 0 3px *primary_800",
        input_border_color_focus="*primary_500",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_primary_text_color="white",
        button_secondary_background_fill="white",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px",
        button_large_text_weight="600",
        button_secondary_text_color="*neutral_800",
        button_secondary_text_color_dark="*neutral_100",
    )
