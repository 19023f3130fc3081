"""`python -m engine.hub 2.2`: gets published weights from the Hugging Face hub.

Of a repository only what the studio reads is fetched: safetensors, JSON and text, never a file that
could run code. The commits of the first download are written to `revisions.json` in the model's
folder, and that file is the pin: no table of published commits comes with the studio. Later runs
get those very commits, until --update. Kandinsky 3.1 comes by `engine.kandinsky.convert` instead.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_download, hf_hub_url
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoSibling

from engine.errors import UserError
from engine.families import FAMILIES, Family, Repository
from engine.settings import Settings
from engine.weights import Weights, check

SUFFIXES = (".json", ".txt", ".model", ".safetensors")
PINS = "revisions.json"
PATIENCE = 30.0  # seconds for the hub to say what a repository holds
AGAIN = "run the same command again, which goes on with what is missing"


class NotGot(Exception):
    """Why the weights cannot be had, and what to do next, in one sentence."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The files of a repository that are taken, at one commit, and the folder they go to."""

    repository: Repository
    commit: str
    files: tuple[RepoSibling, ...]
    folder: Path

    def missing(self) -> list[RepoSibling]:
        """Those that are not in the folder with the content that they have at this commit."""
        return [file for file in self.files if not _same(file, self.folder / file.rfilename)]


def get(
    repositories: Sequence[Repository], folder: Path, fp16: bool = False, update: bool = False
) -> None:
    """Fill the folder of a model. Raises NotGot or, for what the disk refuses, OSError."""
    pins = _read_pins(folder)
    selections = [
        _select(one, folder / one.place, fp16, None if update else pins.get(_key(one)))
        for one in repositories
    ]
    if folder.is_dir():
        print(f"Looking at what is in {folder} ...", flush=True)
    missing = [one.missing() for one in selections]
    for one, files in zip(selections, missing, strict=True):
        print(
            f"{one.repository.hub_id} at {one.commit[:12]}: {_gb(_size(one.files))} in"
            f" {len(one.files)} files, {len(files)} of them to get"
        )
    needed, free = sum(map(_size, missing)), _free(folder)
    print(f"To get: {_gb(needed)} into {folder}, where {_gb(free)} are free", flush=True)
    see_room(needed, free, folder)
    _write_pins(folder, pins | {_key(one.repository): one.commit for one in selections})
    for one, files in zip(selections, missing, strict=True):
        for file in files:
            _fetch(one, file.rfilename)
        _drop_other_versions(one)


def choose(names: Sequence[str], repository: Repository, fp16: bool) -> list[str]:
    """Of a repository's files those to take: what the studio reads, each network in one precision.

    That is the one asked for where the repository has it, else the other.
    """
    read = [name for name in names if _is_read(PurePosixPath(name), repository)]
    precisions: dict[tuple[str, str], set[bool]] = {}
    for name in filter(_is_weights, read):
        precisions.setdefault(_network(name), set()).add(_is_half(name))
    return [
        name
        for name in read
        if not _is_weights(name) or _is_half(name) == fp16 or fp16 not in precisions[_network(name)]
    ]


def see_room(needed: int, free: int, folder: Path) -> None:
    """Raises NotGot if the bytes needed are more than those free."""
    if needed > free:
        raise NotGot(
            f"{_gb(needed)} do not fit: the disk of {folder} has {_gb(free)} free. Make room there,"
            " or choose another place with --folder."
        )


def _is_read(path: PurePosixPath, repository: Repository) -> bool:
    """Whether the studio reads that file; an index only with the weights that it lists."""
    if path.suffix not in SUFFIXES or (".index." in path.name and not _is_weights(path.name)):
        return False
    folders = repository.networks + repository.beside
    return str(path.parent) in folders or str(path) in repository.beside


def _is_weights(name: str) -> bool:
    """A safetensors file, or the index of several: `model.safetensors.index.json`."""
    return ".safetensors" in name


def _is_half(name: str) -> bool:
    """In 16 bits: `model.fp16.safetensors`, `model.safetensors.index.fp16.json` ..."""
    return ".fp16" in name


def _network(name: str) -> tuple[str, str]:
    """The folder of a file of weights, and its name up to the precision and the shard."""
    path = PurePosixPath(name)
    return str(path.parent), re.split("[.-]", path.name)[0]


def _select(repository: Repository, folder: Path, fp16: bool, pinned: str | None) -> Selection:
    """What to take of a repository, as the hub lists it."""
    with _told(repository, pinned):
        listed = HfApi().model_info(
            repository.hub_id,
            revision=pinned or repository.revision,
            timeout=PATIENCE,
            files_metadata=True,
        )
    files = {file.rfilename: file for file in listed.siblings or ()}
    names = choose(list(files), repository, fp16)
    for network in repository.networks:
        weights = [name for name in names if name.endswith(".safetensors")]
        folders = {folder for folder, _ in map(_network, weights)}
        if network not in folders or f"{network}/config.json" not in names:
            raise NotGot(
                f"{repository.hub_id} has no safetensors with a config.json in {network}/, and"
                " nothing else is ever read: take another repository or revision with --from."
            )
    return Selection(repository, str(listed.sha), tuple(files[name] for name in names), folder)


def _same(file: RepoSibling, path: Path) -> bool:
    """Whether a file on the disk is that of the repository: git-lfs knows it by its SHA-256, git
    by the SHA-1 of `blob`, its length and its content."""
    if not path.is_file() or path.stat().st_size != file.size:
        return False
    with path.open("rb") as stream:
        if file.lfs is not None:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.lfs.sha256
        blob = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
        blob.update(stream.read())
        return blob.hexdigest() == file.blob_id


def _fetch(selection: Selection, name: str) -> None:
    """One file, instead of one that is there with another content."""
    (selection.folder / name).unlink(missing_ok=True)
    with _told(selection.repository, selection.commit):
        hf_hub_download(
            selection.repository.hub_id,
            name,
            revision=selection.commit,
            local_dir=selection.folder,
        )


def _drop_other_versions(selection: Selection) -> None:
    """Remove what lies beside the weights just taken of the same networks: once got in another
    precision or other shards, it would be read instead."""
    taken = {file.rfilename for file in selection.files if _is_weights(file.rfilename)}
    for part in {PurePosixPath(name).parent for name in taken}:
        for file in (selection.folder / part).glob("*.safetensors*"):
            name = str(part / file.name)
            if name not in taken and _network(name) in map(_network, taken):
                file.unlink()
                print(f"Removed {file}: another version of it took its place")


@contextmanager
def _told(repository: Repository, pinned: str | None) -> Iterator[None]:
    """Says in NotGot what the hub refuses; what the disk refuses stays an OSError."""
    name, hub = repository.hub_id, constants.ENDPOINT
    try:
        yield
    except GatedRepoError as error:
        raise NotGot(
            f"{name} is gated: accept its terms at {hub}/{name} and set HF_TOKEN to a token of"
            f" yours, then {AGAIN}."
        ) from error
    except RepositoryNotFoundError as error:
        raise NotGot(
            f"There is no repository {name} at {hub}, or it is private: check the name, or set"
            " HF_TOKEN to a token that may read it."
        ) from error
    except RevisionNotFoundError as error:
        if pinned:
            raise NotGot(
                f"{name} no longer has commit {pinned} of {PINS}: take the newest with --update."
            ) from error
        raise NotGot(
            f"{name} has no revision {repository.revision}: check the branch, tag or commit."
        ) from error
    except OfflineModeIsEnabled as error:
        raise NotGot(f"HF_HUB_OFFLINE forbids any download: unset it, then {AGAIN}.") from error
    except HfHubHTTPError as error:
        raise NotGot(
            f"{hub} answers {error.response.status_code} for {name}: see that HF_TOKEN, if set, is"
            f" valid, or wait a little, then {AGAIN}."
        ) from error
    except (httpx2.HTTPError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.errno and not isinstance(error, ConnectionError):
            raise
        reason = str(error.__cause__ or error).partition("\n")[0] or type(error).__name__
        raise NotGot(
            f"{hub} cannot be reached, or the connection broke ({reason}): see that this machine is"
            f" online, then {AGAIN}."
        ) from error


def _key(repository: Repository) -> str:
    """A repository as it was asked for: another revision has a pin of its own."""
    if repository.revision == "main":
        return repository.hub_id
    return f"{repository.hub_id}@{repository.revision}"


def _read_pins(folder: Path) -> dict[str, str]:
    file = folder / PINS
    try:
        pins = json.loads(file.read_text())
        if all(re.fullmatch("[0-9a-f]{40}", commit) for commit in pins.values()):
            return dict(pins)
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError):
        pass
    raise NotGot(f"{file} cannot be read: delete it to take the newest revisions.")


def _write_pins(folder: Path, pins: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{PINS}.new"
    new.write_text(json.dumps(pins, indent=2) + "\n")
    new.replace(folder / PINS)


def _free(folder: Path) -> int:
    """The bytes that are free where the folder is, or will be."""
    folder = folder.resolve()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def _size(files: Sequence[RepoSibling]) -> int:
    return sum(file.size or 0 for file in files)


def _gb(size: int) -> str:
    return f"{size / 1e9:.2f} GB"


def main(arguments: Sequence[str] | None = None) -> int:
    """0: the weights are there; 1: they cannot be had; 130: Ctrl+C."""
    parser = _parser()
    options = parser.parse_args(arguments)
    family = FAMILIES[options.model]
    folder, models = _place(family, options.folder)
    try:
        repositories = _repositories(family, options.without, options.replaced)
    except ValueError as error:
        parser.error(str(error))
    try:
        get(repositories, folder, options.fp16, options.update)
        check(
            Weights(family.card_of(family.name, family.name, folder), folder, family),
            f"Get them with: python -m engine.hub {family.name}",
        )
    except (NotGot, UserError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        full = error.errno == errno.ENOSPC
        reason = "its disk is full" if full else f"{error.filename}: {error.strerror}"
        print(f"{folder} cannot be filled: {reason}. Mend that, then {AGAIN}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nStopped. To go on, {AGAIN}.", file=sys.stderr)
        return 130
    print(f"Kandinsky {family.name} is complete. Serve it with KANDINSKY_MODELS={models}")
    return 0


def _place(family: Family, folder: Path | None) -> tuple[Path, str]:
    """The folder of the model, and what KANDINSKY_MODELS calls it."""
    usual = Settings().data / "models" / family.name
    if folder is None or folder.resolve() == usual.resolve():
        return usual, family.name
    folder = folder.resolve()
    return folder, shlex.quote(f"{folder.name}={folder}")


def _repositories(
    family: Family, without: Sequence[str], replaced: Sequence[tuple[str, str, str]]
) -> list[Repository]:
    """The family's repositories as the options want them. Raises ValueError."""
    optional = [one.optional for one in family.repositories if one.optional]
    for name in without:
        if name not in optional:
            known = ", ".join(optional) or "nothing"
            raise ValueError(f"of Kandinsky {family.name}, --without may leave out: {known}")
    wanted = {one.place: one for one in family.repositories if one.optional not in without}
    for place, hub_id, revision in replaced:
        if place not in wanted:
            raise ValueError(f"--from can fill {', '.join(wanted)}, not {place}")
        wanted[place] = replace(wanted[place], hub_id=hub_id, revision=revision)
    return list(wanted.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m engine.hub",
        description="Get published weights from the Hugging Face hub, or complete what is there of"
        " them. HF_TOKEN and HF_ENDPOINT are heeded.",
    )
    parser.add_argument("model", choices=tuple(FAMILIES), help="the generation of Kandinsky")
    parser.add_argument(
        "--folder",
        type=lambda text: Path(text).expanduser(),
        help="where to put it (default: models/MODEL in the data folder of the studio)",
    )
    parser.add_argument(
        "--fp16",
        action="store_true",
        help="take the 16-bit files where there are any: half the size",
    )
    parser.add_argument(
        "--without",
        type=lambda text: text.split(","),
        default=[],
        metavar="PART,...",
        help="leave out inpaint (filling in and extending; 2.1, 2.2) or depth (ControlNet; 2.2)",
    )
    parser.add_argument(
        "--from",
        dest="replaced",
        type=_replacement,
        action="append",
        default=[],
        metavar="PLACE=OWNER/NAME[@REVISION]",
        help="another repository of the same layout, for instance decoder=someone/their-decoder;"
        " PLACE is prior, decoder, decoder-inpaint or decoder-controlnet, and . for 3",
    )
    parser.add_argument(
        "--update",
        action="store_true",
        help=f"take the newest commits instead of those pinned in {PINS}",
    )
    return parser


def _replacement(text: str) -> tuple[str, str, str]:
    """Place, repository and revision of an argument of --from."""
    found = re.fullmatch(r"([^=]+)=([^=@]+/[^=@]+)(?:@(.+))?", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not PLACE=OWNER/NAME[@REVISION]")
    try:
        hf_hub_url(found[2], "config.json")  # knows what a repository may be called
    except HFValidationError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return found[1], found[2], found[3] or "main"


if __name__ == "__main__":
    sys.exit(main())
