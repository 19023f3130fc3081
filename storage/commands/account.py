"""Makes moderators and API keys, changes what accounts may do, exports and forgets them."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from storage.accounts import Accounts
from storage.commands.days import days
from storage.commands.places import database_argument, existing_database, pictures_argument
from storage.database import Database
from storage.erasure import forget
from storage.export import export
from storage.keys import Keys
from storage.pictures import PictureStore
from storage.records import Role
from storage.rights import FOREVER, Rights
from storage.signin import CHANNEL, NAME, ROLES, SignIn
from storage.tables import now

API = "api"  # the channel of accounts that only have keys
ID_LIMIT = 2**31  # ids are less

Act = Callable[[Database, argparse.Namespace], Awaitable[None]]


def arguments(parser: argparse.ArgumentParser) -> None:
    parts = parser.add_subparsers(dest="part", metavar="WHAT", required=True)

    def part(name: str, act: Act) -> argparse.ArgumentParser:
        added = parts.add_parser(name, help=act.__doc__, description=act.__doc__)
        added.set_defaults(act=act)
        database_argument(added)
        return added

    create = part("create-moderator", _create)
    create.add_argument("name", metavar="NAME")
    create.add_argument("--role", choices=[role.value for role in ROLES], default=Role.MODERATOR)
    _password_argument(create)
    password = part("password", _password)
    password.add_argument("name", metavar="NAME")
    _password_argument(password)
    part("list", _list).add_argument("--channel")
    role = part("role", _role)
    _id_argument(role)
    role.add_argument("role", metavar="ROLE", choices=[role.value for role in Role])
    ban = part("ban", _ban)
    _id_argument(ban)
    length = ban.add_mutually_exclusive_group(required=True)
    length.add_argument("--days", type=days)
    length.add_argument("--forever", action="store_true")
    ban.add_argument("--reason", metavar="TEXT", required=True, help="its owner reads it")
    _id_argument(part("unban", _unban))
    key = part("key", _key)
    key.add_argument("id", metavar="ID", type=_id, nargs="?")
    key.add_argument("name", metavar="NAME", nargs="?")
    key.add_argument("--new", metavar="NAME", help="for a new account of that name")
    _id_argument(part("keys", _keys))
    part("revoke", _revoke).add_argument("key", metavar="KEY_ID")
    forgotten = part("forget", _forget)
    _id_argument(forgotten)
    forgotten.add_argument("--yes", action="store_true", help="it cannot be undone")
    pictures_argument(forgotten)
    exported = part("export", _export)
    _id_argument(exported)
    exported.add_argument("file", metavar="FILE.zip", type=Path)
    pictures_argument(exported)


async def run(options: argparse.Namespace) -> int:
    async with existing_database(options.database) as database:
        await options.act(database, options)
    return 0


async def _create(database: Database, options: argparse.Namespace) -> None:
    """Makes an account that signs in to the review console."""
    password = _read_password(options)
    role = Role(options.role)
    made = await SignIn(database).create(options.name, password, role, by=None)
    print(f"Moderator {made.external_id} is account {made.id}.")


async def _password(database: Database, options: argparse.Namespace) -> None:
    """Gives a moderator a new password, and signs them out everywhere."""
    account_id = await _known(database, CHANNEL, options.name)
    if account_id is None:
        raise ValueError(f"There is no moderator {_shown(options.name)}.")
    await SignIn(database).set_password(account_id, _read_password(options), by=None)
    print(f"The password of {options.name} is changed.")


async def _list(database: Database, options: argparse.Namespace) -> None:
    """Lists the accounts: id, channel, what the channel calls it, role, ban."""
    for one in await Rights(database).everyone(options.channel):
        fields = [str(one.id), one.channel, _shown(one.external_id), one.role]
        if one.banned_until is not None and one.banned_until > now():
            fields.append(f"banned {_until(one.banned_until)}: {_shown(one.ban_reason or '')}")
        print("  ".join(fields))


async def _role(database: Database, options: argparse.Namespace) -> None:
    """Changes what an account may do."""
    await Rights(database).role(options.id, Role(options.role), by=None)
    print(f"Account {options.id} has the role {options.role}.")


async def _ban(database: Database, options: argparse.Namespace) -> None:
    """Lets an account ask for nothing for some time."""
    until = FOREVER if options.forever else now() + options.days
    await Rights(database).ban(options.id, until, options.reason, by=None)
    print(f"Account {options.id} is banned {_until(until)}.")


async def _unban(database: Database, options: argparse.Namespace) -> None:
    """Ends a ban."""
    await Rights(database).unban(options.id, by=None)
    print(f"Account {options.id} is not banned.")


async def _key(database: Database, options: argparse.Namespace) -> None:
    """Makes an API key and prints it, the only time that it is seen."""
    if (options.new, options.name).count(None) != 1 or (options.new and options.id):
        raise ValueError("Give an account's ID and a NAME for the key, or --new NAME.")
    account_id = options.id if options.new is None else await _new(database, options.new)
    secret = await Keys(database).make(account_id, options.new or options.name)
    print(f"A key of account {account_id}. Keep it: it is not shown again.", file=sys.stderr)
    print(secret)


async def _keys(database: Database, options: argparse.Namespace) -> None:
    """Lists an account's API keys."""
    for key in await Keys(database).list(options.id):
        used = f"used {_moment(key.last_used_at)}" if key.last_used_at else "never used"
        fields = [key.id, _shown(key.name), f"made {_moment(key.created_at)}", used]
        print("  ".join([*fields, "revoked"] if key.revoked_at else fields))


async def _revoke(database: Database, options: argparse.Namespace) -> None:
    """Makes an API key open nothing any more; KEY_ID is the eight characters after ks_."""
    if not await Keys(database).revoke(options.key, None):
        raise ValueError(f"There is no valid key {_shown(options.key)}.")
    print(f"Key {options.key} is revoked.")


async def _forget(database: Database, options: argparse.Namespace) -> None:
    """Removes all that is kept about an account, its pictures too."""
    if not options.yes:
        raise ValueError(
            f"All that is kept about account {options.id} would go, its pictures too, and nothing"
            " brings it back. Repeat with --yes."
        )
    await forget(database, PictureStore(options.pictures), options.id)
    print(f"Account {options.id} is forgotten.")


async def _export(database: Database, options: argparse.Namespace) -> None:
    """Writes all that is kept about an account, its pictures too, into a zip file."""
    await export(database, PictureStore(options.pictures), options.id, options.file)
    print(f"{options.file} is written.")


async def _new(database: Database, name: str) -> int:
    """The id of a new account that only has keys."""
    if not NAME.fullmatch(name):
        raise ValueError("A name has 2 to 64 letters (a to z), digits, dots, - and _.")
    known = await _known(database, API, name)
    if known is not None:
        raise ValueError(f"{name} is account {known} already: use `key {known} NAME`.")
    return (await Accounts(database).get_or_create(API, name, "en")).id


async def _known(database: Database, channel: str, name: str) -> int | None:
    accounts = await Rights(database).everyone(channel)
    return next((one.id for one in accounts if one.external_id == name), None)


def _id_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=_id, help="as `account list` shows it")


def _password_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--password-stdin", action="store_true", help="read it from a line of standard input"
    )


def _read_password(options: argparse.Namespace) -> str:
    if options.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    try:
        password = getpass.getpass("Password: ")
        again = getpass.getpass("Again: ")
    except EOFError as error:
        raise ValueError("There is nobody to ask for a password: use --password-stdin.") from error
    if password != again:
        raise ValueError("These are two different passwords.")
    return password


def _id(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < ID_LIMIT:
        raise argparse.ArgumentTypeError(f"{text} is no id of an account")
    return int(text)


def _until(moment: datetime) -> str:
    return "forever" if moment >= FOREVER else f"until {_moment(moment)}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _shown(text: str) -> str:
    """As it is, or escaped where a terminal would act on it."""
    return text if text.isprintable() else repr(text)
