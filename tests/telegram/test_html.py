from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telegram.html import Unreadable, parse, write
from tests.telegram.words import units


@pytest.mark.parametrize(
    ("source", "text", "kinds"),
    [
        ("<b>a <i>fox</i></b>", "a fox", ["bold", "italic"]),
        ("<u>a</u><ins>b</ins><s>c</s>", "abc", ["underline", "underline", "strikethrough"]),
        ('<span class="tg-spoiler">a</span><tg-spoiler>b</tg-spoiler>', "ab", ["spoiler"] * 2),
        ("<blockquote expandable>a</blockquote>", "a", ["expandable_blockquote"]),
        ("<a href='https://example.org/?a=1&amp;b=2'>here</a>", "here", ["text_link"]),
        ('<a href="http://localhost/">here</a>', "here", []),
        ('<pre><code class="language-python">x</code></pre>', "x", ["pre"]),
        ("&lt;b&gt; &amp;amp; &#39;&#x27; &nbsp; &", "<b> &amp; '' &nbsp; &", []),
        ("<b>  a  </b>\n", "a", ["bold"]),
        ("<b></b>a", "a", []),
        ("/start @kandinsky_bot #fox https://a.org", "/start @kandinsky_bot #fox https://a.org",
         ["bot_command", "mention", "hashtag", "url"]),
        ("<code>/start</code> 1/2 a@b", "/start 1/2 a@b", ["code"]),
    ],
)  # fmt: skip
def test_what_telegram_knows_is_marked(source: str, text: str, kinds: list[str]) -> None:
    read, entities = parse(source)
    assert read == text
    assert [entity["type"] for entity in entities] == kinds


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("<b>fox", 'Can\'t find end tag corresponding to start tag "b"'),
        ("лиса <p>", 'Unsupported start tag "p" at byte offset 9'),
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("</b>", "Unexpected end tag at byte offset 0"),
        ("<b>fox</i>", 'Unmatched end tag at byte offset 6, expected "</b>", found "</i>"'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ("<b>fox</b", "Unclosed end tag at byte offset 6"),
        ("<b />", 'Empty attribute name in the tag "b" at byte offset 0'),
        ("<a href=a_b>x</a>", "Unexpected end of name token at byte offset 8"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<br/>", 'Unsupported start tag "br/" at byte offset 0'),
    ],
)
def test_what_telegram_does_not_know_is_refused(source: str, error: str) -> None:
    with pytest.raises(Unreadable) as refused:
        parse(source)
    assert str(refused.value) == error


def test_offsets_are_utf16() -> None:
    text, (bold,) = parse("🦊<b>🦊a</b>")
    assert units(text) == 5
    assert (bold["offset"], bold["length"]) == (2, 3)


@given(st.text())
def test_any_text_is_read_or_refused(source: str) -> None:
    try:
        text, entities = parse(source)
    except Unreadable:
        return
    assert all(entity["offset"] + entity["length"] <= units(text) for entity in entities)


@given(st.lists(st.sampled_from(["<b>", "<i>", "<code>", "</>", "a", "🦊", "&lt;", "\n"])))
def test_what_is_written_reads_the_same(parts: list[str]) -> None:
    opened = sum(part in ("<b>", "<i>", "<code>") for part in parts)
    closed = parts.count("</>")
    try:
        text, entities = parse("".join(parts) + "</>" * max(opened - closed, 0))
    except Unreadable:
        return
    assert parse(write(text, entities)) == (text, entities)
