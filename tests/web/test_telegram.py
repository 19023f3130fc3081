from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from engine.errors import SignInForged, SignInStale, SignInUsed
from engine.settings import Settings
from web.telegram import AHEAD, FRESH, Person, Telegram

TOKEN = "4242:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"
NOW = 1_790_000_000.0
ANN: dict[str, Any] = {
    "id": 7,
    "first_name": "Аня",
    "username": "ann",
    "photo_url": "https://t.me/i/userpic/320/ann.jpg",
    "auth_date": int(NOW) - 5,
}


@pytest.fixture
def telegram() -> Telegram:
    return Telegram(TOKEN, "https://studio.example/", clock=lambda: NOW)


def signed(fields: Mapping[str, Any], token: str = TOKEN) -> dict[str, Any]:
    by = Telegram(token, "https://studio.example")
    return {**fields, "hash": by.sign({name: str(value) for name, value in fields.items()})}


def result(fields: Mapping[str, Any]) -> str:
    """As Telegram puts it behind `#tgAuthResult=`."""
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def test_the_hash_is_that_of_telegrams_documentation() -> None:
    # printf 'auth_date=1\nid=2' | openssl dgst -sha256 -mac hmac -macopt \
    #   hexkey:$(printf '1:a' | sha256sum | cut -d' ' -f1)
    expected = "2b92bdb7acb4c9c0c250ff8f46374562716dce524e067cde76cf171072b2b9cd"
    assert Telegram("1:a", "").sign({"id": "2", "auth_date": "1", "hash": "x"}) == expected


def test_the_link_names_the_bot_and_leads_back(telegram: Telegram) -> None:
    address = urlsplit(telegram.address("/en/account/telegram/state"))
    assert f"{address.scheme}://{address.netloc}{address.path}" == "https://oauth.telegram.org/auth"
    assert parse_qs(address.query) == {
        "bot_id": ["4242"],
        "origin": ["https://studio.example"],
        "return_to": ["https://studio.example/en/account/telegram/state"],
    }
    assert TOKEN.partition(":")[2] not in address.query


def test_what_telegram_says_is_believed(telegram: Telegram) -> None:
    assert telegram.person(result(signed(ANN))) == Person("7", "Аня")


def test_the_widgets_query_is_believed(telegram: Telegram) -> None:
    assert telegram.person("?" + urlencode(signed(ANN))) == Person("7", "Аня")


def test_a_sign_in_counts_once(telegram: Telegram) -> None:
    telegram.person(result(signed(ANN)))
    with pytest.raises(SignInUsed):
        telegram.person(urlencode(signed(ANN)))


@pytest.mark.parametrize("age", [FRESH + 1, 30 * 24 * 3600, -AHEAD - 1, -3600])
def test_old_and_future_ones_are_refused(telegram: Telegram, age: int) -> None:
    with pytest.raises(SignInStale):
        telegram.person(result(signed(ANN | {"auth_date": int(NOW) - age})))


@pytest.mark.parametrize("age", [0, FRESH, -AHEAD])
def test_those_at_the_limits_count(telegram: Telegram, age: int) -> None:
    telegram.person(result(signed(ANN | {"auth_date": int(NOW) - age})))


@pytest.mark.parametrize(
    "change",
    [{"id": 8}, {"auth_date": int(NOW)}, {"first_name": "Боб"}, {"role": "admin"}, {"hash": ""}],
)
def test_what_was_changed_is_refused(telegram: Telegram, change: dict[str, Any]) -> None:
    with pytest.raises(SignInForged):
        telegram.person(result(signed(ANN) | change))


def test_what_was_said_of_another_bot_is_refused(telegram: Telegram) -> None:
    with pytest.raises(SignInForged):
        telegram.person(result(signed(ANN, "4343:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc")))


@pytest.mark.parametrize(
    "said",
    [
        "",
        "false",
        "hash=",
        "hash=é",
        "%%%",
        "é",
        result({}),
        result({"hash": "x"}),
        base64.b64encode(b"[1]").decode(),
        base64.b64encode(b"[" * 5000).decode(),
        "x" * 10_000,
        "&".join(f"a{number}=1" for number in range(100)) + "&hash=x",
    ],
)
def test_nonsense_is_refused(telegram: Telegram, said: str) -> None:
    with pytest.raises(SignInForged):
        telegram.person(said)


@pytest.mark.parametrize("number", ["", "-7", "7.0", "1" * 30, "seven", "7\n"])
def test_a_signed_number_that_is_none_is_refused(telegram: Telegram, number: str) -> None:
    with pytest.raises(SignInForged):
        telegram.person(result(signed(ANN | {"id": number})))


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"first_name": "", "username": "ann"}, "ann"),
        ({"first_name": "A", "last_name": "B"}, "A B"),
        ({"first_name": "A\u202e\n" + "x" * 100}, "A" + "x" * 63),
        ({"first_name": "", "username": ""}, "7"),
    ],
)
def test_people_are_called_by_what_they_are_called(
    telegram: Telegram, fields: dict[str, str], name: str
) -> None:
    assert telegram.person(result(signed(ANN | fields))).name == name


def test_without_a_bot_or_an_address_there_is_no_sign_in() -> None:
    assert Telegram.of(Settings(bot_token=TOKEN)) is None
    assert Telegram.of(Settings(public_url="https://studio.example")) is None
    assert Telegram.of(Settings(bot_token=TOKEN, public_url="https://studio.example"))
