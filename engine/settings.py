"""Every setting, read once at the start from the environment or `.env`, prefix KANDINSKY_."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SECRET = re.compile(r"[A-Za-z0-9_-]{32,256}")  # what Telegram allows, and long enough

FrontEnd = Literal["web", "telegram", "api"]
ReviewMode = Literal["off", "after", "before"]
Quotas = dict[Literal["user", "trusted", "moderator", "senior", "admin"], tuple[int, int]]


class Settings(BaseSettings):
    """The studio's settings; each default is right for one person on one machine."""

    model_config = SettingsConfigDict(
        env_prefix="KANDINSKY_", env_file=".env", extra="ignore", frozen=True
    )

    data: Path = Path("data")  # the folder holding everything by default
    database_url: str = ""  # empty: SQLite in `data`
    pictures_url: str = ""  # empty: a folder in `data`
    models: Annotated[tuple[str, ...], NoDecode] = ("mini",)  # mini, 2.2, or name=folder
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    text_device: Literal["same", "cpu", "8-bit"] = "same"  # of the text encoder of Kandinsky 3
    depth_model: Path | None = None  # folder of a model of transformers that estimates depth
    deterministic: bool = False  # no bit of a picture may depend on who shares its batch
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 7860
    public_url: str = ""  # where people reach the studio, if not at host and port
    proxies: str = ""  # addresses of reverse proxies that say who asks, separated by commas
    secret: str = ""  # signs cookies; empty: made once and kept in `data`
    bot_token: str = Field(default="", repr=False)  # of the Telegram bot; empty: no bot
    telegram_api: str = "https://api.telegram.org"  # or a Bot API server of one's own
    bot_webhook: str = ""  # https address that Telegram pushes updates to; empty: the bot asks
    bot_secret: str = Field(default="", repr=False)  # what Telegram says with each push
    bot_host: str = "127.0.0.1"  # of the webhook, /healthz and /metrics
    bot_port: Annotated[int, Field(ge=1, le=65535)] = 7861
    threads: int = 0  # of the CPU for the networks; 0: all
    queue_limit: Annotated[int, Field(ge=1)] = 256  # pictures waiting in the engine
    backlog: Annotated[int, Field(ge=0)] = 10_000  # requests waiting in the ledger; 0: any number
    quotas: Annotated[Quotas, NoDecode] = {
        "user": (50, 0)
    }  # requests not finished, and pictures in 24 hours; 0, or a role that is not here: any number
    check_prompts: bool = True  # what requests say, before anything is drawn
    check_pictures: bool = True  # those that people send, and those that were drawn
    nsfw: Annotated[tuple[float, float], NoDecode] = (
        0.2,
        0.8,
    )  # scores up to which a picture passes, and from which it is blocked; between, it is held
    classifiers: Annotated[tuple[str, ...], NoDecode] = ()  # package.module:function, of one's own
    check_timeout: Annotated[float, Field(gt=0)] = 10  # seconds, after which pictures are held
    review: Annotated[dict[FrontEnd, ReviewMode], NoDecode] = {}  # off, where nothing is said
    moderators_chat: str = ""  # id of a Telegram chat that is told how much waits for review
    c2pa_certificate: Path | None = None  # PEM, a chain; none: one is made for development
    c2pa_key: Path | None = None  # PEM
    watermark: bool = False  # an invisible mark in the pixels
    lease: Annotated[float, Field(gt=0)] = 20  # seconds after which a silent process's jobs go on
    batch_rows: Annotated[int, Field(ge=0)] = (
        0  # of a forward pass, at most; 0: as the device likes
    )
    memory: Annotated[float, Field(ge=0)] = 0  # GB that the models' weights may take; 0: any
    cache: Annotated[int, Field(ge=0)] = 512  # MB a model for what was computed before; 0: none

    @model_validator(mode="after")
    def _webhook_is_guarded(self) -> Self:
        """Without a secret, anybody could speak to the bot as anybody."""
        if self.bot_webhook and not SECRET.fullmatch(self.bot_secret):
            raise ValueError(
                "KANDINSKY_BOT_WEBHOOK needs KANDINSKY_BOT_SECRET: 32 to 256 letters, digits,"
                " _ and -"
            )
        return self

    @model_validator(mode="after")
    def _certificate_is_whole(self) -> Self:
        if bool(self.c2pa_certificate) != bool(self.c2pa_key):
            raise ValueError("KANDINSKY_C2PA_CERTIFICATE and KANDINSKY_C2PA_KEY go together")
        return self

    @field_validator("nsfw", mode="before")
    @classmethod
    def _thresholds(cls, value: object) -> object:
        """`0.2,0.8`."""
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("nsfw")
    @classmethod
    def _rising(cls, value: tuple[float, float]) -> tuple[float, float]:
        low, high = value
        if not 0 <= low <= high <= 1:
            raise ValueError("two numbers from 0 to 1, the lower one first, such as 0.2,0.8")
        return value

    @field_validator("review", mode="before")
    @classmethod
    def _by_front_end(cls, value: object) -> object:
        """`telegram=before,web=after`, or one word for all of them."""
        return _reviews(value) if isinstance(value, str) else value

    @field_validator("quotas", mode="before")
    @classmethod
    def _by_role(cls, value: object) -> object:
        """`user=50/0,trusted=200/1000`."""
        return _quotas(value) if isinstance(value, str) else value

    @field_validator("models", "classifiers", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @property
    def database(self) -> str:
        """The SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data.resolve() / 'studio.sqlite3'}"

    @property
    def pictures(self) -> str:
        """Where the picture files are: a folder, or s3://bucket/prefix."""
        return self.pictures_url or str(self.data / "pictures")

    def signing_key(self) -> str:
        """The secret, or one made at the first start and kept in `data`, readable by its owner."""
        if self.secret:
            return self.secret
        file = self.data / "secret"
        if not file.exists():
            self.data.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(48))
        return file.read_text().strip()


def _reviews(text: str) -> dict[str, str]:
    """Raises ValueError."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) == 1 and "=" not in parts[0]:
        return dict.fromkeys(("web", "telegram", "api"), parts[0])
    found = {}
    for part in parts:
        front_end, equals, mode = part.partition("=")
        if not equals:
            raise ValueError(f"{part!r} is not like telegram=before")
        found[front_end.strip()] = mode.strip()
    return found


def _quotas(text: str) -> dict[str, tuple[int, int]]:
    """Raises ValueError."""
    found = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        role, equals, limits = part.partition("=")
        waiting, _, daily = limits.partition("/")
        if not equals:
            raise ValueError(f"{part!r} is not like user=50/0")
        found[role.strip()] = int(waiting), int(daily or 0)
    return found
