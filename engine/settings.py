"""Every setting, read once at the start from the environment or `.env`, prefix KANDINSKY_."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SECRET = re.compile(r"[A-Za-z0-9_-]{32,256}")  # what Telegram allows, and long enough

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

    @field_validator("quotas", mode="before")
    @classmethod
    def _by_role(cls, value: object) -> object:
        """`user=50/0,trusted=200/1000`."""
        return _quotas(value) if isinstance(value, str) else value

    @field_validator("models", mode="before")
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
