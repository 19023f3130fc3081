from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE as CHUNK
from safetensors.numpy import save

from engine import ModelCard, Settings
from engine.families import EDITS, FAMILIES, K3, K21, K22, Repository
from engine.hub import NotGot, choose, main, see_room
from engine.weights import find
from tests.engine import hub_server
from tests.engine.hub_server import Cut, Hub

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PRIOR, DECODER, INPAINT, CONTROLNET = (one.hub_id for one in K22.repositories)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with hub_server.serve() as hub:
        yield hub


def weights(number: float = 0) -> bytes:
    return save({"weight": np.full((16, 16), number, np.float32)})


def files_of(repository: Repository, number: float = 0) -> dict[str, bytes]:
    """What such a repository holds, as small as can be."""
    files = {f"{network}/config.json": b"{}" for network in repository.networks}
    files |= {f"{network}/model.safetensors": weights(number) for network in repository.networks}
    return files | {f"{one}/of_this.json": b"{}" for one in repository.beside if one.isidentifier()}


def publish(hub: Hub, name: str, number: float = 0) -> None:
    for repository in FAMILIES[name].repositories:
        hub.publish(repository.hub_id, files_of(repository, number))


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder but for what huggingface_hub writes down."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and ".cache" not in file.parts
    }


def environment(hub: Hub, data: Path, **more: str) -> dict[str, str]:
    """What the command is started with; nothing of the tester's own accounts and settings."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KANDINSKY_", "HF_", "HUGGING", "TRANSFORMERS_"))
    }
    own = {
        "KANDINSKY_DATA": str(data),
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(data / "hugging-face"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
    }
    return inherited | own | more


def run(hub: Hub, data: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine.hub", *arguments],
        cwd=ROOT,
        env=environment(hub, data, **more),
        capture_output=True,
        text=True,
        timeout=100,
    )


def got(hub: Hub, data: Path, *arguments: str, **more: str) -> str:
    """What a command that succeeds says."""
    done = run(hub, data, *arguments, **more)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence that says why it failed."""
    assert done.returncode == 1, done
    (line,) = done.stderr.splitlines()
    return line


def card(name: str, data: Path) -> ModelCard:
    (found,) = find(Settings(models=(name,), data=data))
    return found.card


def test_the_layout_is_the_one_the_studio_reads(hub: Hub, tiny_model: Path, tmp_path: Path) -> None:
    """And of each repository nothing else is asked for, least of all what could run code."""
    traps = {
        "README.md": b"# A model",
        "picture.png": b"png",
        "model_index.json": b"{}",
        "pipeline.py": b"boom",
        "unet/modeling.py": b"boom",
        "unet/diffusion_pytorch_model.bin": b"boom",
        "unet/diffusion_pytorch_model.bin.index.json": b"{}",
        "unet/weights.pt": b"boom",
        "unet/deeper/model.safetensors": weights(),
        "other/model.ckpt": b"boom",
        "other/model.safetensors": weights(),
    }
    for repository in K22.repositories:
        hub.publish(repository.hub_id, contents(tiny_model / repository.place) | traps)
    said = got(hub, tmp_path, "2.2")
    assert said.endswith("Kandinsky 2.2 is complete. Serve it with KANDINSKY_MODELS=2.2\n")
    there = contents(tmp_path / "models/2.2")
    assert set(json.loads(there.pop("revisions.json"))) == {PRIOR, DECODER, INPAINT, CONTROLNET}
    assert there == contents(tiny_model)
    assert not [line for line in hub.log for trap in traps if line.endswith(f" {trap}")]
    found = card("2.2", tmp_path)
    assert found.depth
    assert set(EDITS) < set(found.modes)
    assert found.licence == "Apache-2.0"


@pytest.mark.parametrize("name", ["2.1", "3"])
def test_other_generations_have_their_own_layout(hub: Hub, tmp_path: Path, name: str) -> None:
    publish(hub, name)
    got(hub, tmp_path, name)
    assert card(name, tmp_path).licence == "Apache-2.0"
    assert all(file.endswith((".json", ".safetensors")) for file in hub.fetched())


def test_what_is_optional_may_be_left_out(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "2.2")
    got(hub, tmp_path, "2.2", "--without", "inpaint,depth")
    assert not [line for line in hub.log if INPAINT in line or CONTROLNET in line]
    found = card("2.2", tmp_path)
    assert not found.depth
    assert not set(EDITS) & set(found.modes)


def test_a_folder_and_a_decoder_of_ones_own(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "2.2")
    theirs = "someone/their-decoder"
    first = hub.publish(theirs, files_of(K22.repositories[1], 1), "v1")
    newest = hub.publish(theirs, files_of(K22.repositories[1], 2))
    folder = tmp_path / "my own"
    command = ("2.2", "--without", "inpaint,depth", "--folder", str(folder), "--from")
    said = got(hub, tmp_path, *command, f"decoder={theirs}@v1")
    assert said.endswith(f"with KANDINSKY_MODELS='my own={folder}'\n")
    unet = folder / "decoder/unet/model.safetensors"
    assert unet.read_bytes() == weights(1)
    assert card(f"own={folder}", tmp_path).licence == ""
    got(hub, tmp_path, *command, f"decoder={theirs}")
    assert unet.read_bytes() == weights(2)
    pins = json.loads((folder / "revisions.json").read_text())
    assert (pins[f"{theirs}@v1"], pins[theirs]) == (first, newest)
    assert not [line for line in hub.log if f"{DECODER} " in line]


@pytest.mark.parametrize(
    ("fp16", "expected"),
    [
        (False, ["unet/model.safetensors", "movq/model.fp16.safetensors"]),
        (True, ["unet/model.fp16.safetensors", "movq/model.fp16.safetensors"]),
    ],
)
def test_each_network_comes_in_one_precision(fp16: bool, expected: list[str]) -> None:
    """In the one asked for, where the repository has it; only in halves where it has only these."""
    names = ["unet/model.safetensors", "unet/model.fp16.safetensors", "movq/model.fp16.safetensors"]
    assert choose(names, K3.repositories[0], fp16) == expected


@pytest.mark.parametrize("fp16", [False, True])
def test_shards_come_with_their_index(fp16: bool) -> None:
    plain = [
        "text_encoder/model-00001-of-00002.safetensors",
        "text_encoder/model-00002-of-00002.safetensors",
        "text_encoder/model.safetensors.index.json",
    ]
    half = [
        "text_encoder/model.fp16-00001-of-00002.safetensors",
        "text_encoder/model-00002-of-00002.fp16.safetensors",  # as older versions wrote it
        "text_encoder/model.safetensors.index.fp16.json",
    ]
    always = ["text_encoder/config.json", "unet/null_embedding.safetensors", "flash.json"]
    names = plain + half + always + ["text_encoder/pytorch_model.bin.index.json"]
    assert choose(names, K3.repositories[0], fp16) == (half if fp16 else plain) + always


@pytest.mark.parametrize(
    "name",
    [
        "unet/model.bin",
        "unet/model.PY",
        "unet/../../../escaped.json",
        "/unet/config.json",
        "unet/deeper/config.json",
        "revisions.json",
    ],
)
def test_no_other_file_is_taken(name: str) -> None:
    assert choose([name], K3.repositories[0], fp16=False) == []


def test_another_precision_takes_the_place_of_the_first(hub: Hub, tmp_path: Path) -> None:
    (three,) = K3.repositories
    hub.publish(three.hub_id, files_of(three) | {"unet/model.fp16.safetensors": weights(16)})
    folder = tmp_path / "models/3"
    for options, name in ((), "model.safetensors"), (("--fp16",), "model.fp16.safetensors"):
        got(hub, tmp_path, "3", *options)
        assert [file.name for file in (folder / "unet").glob("*.safetensors")] == [name]
        assert (folder / "movq/model.safetensors").is_file()
        card("3", tmp_path)


def test_the_commits_of_the_first_time_are_kept_until_an_update(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "3", number=1)
    got(hub, tmp_path, "3")
    folder = tmp_path / "models/3"
    pins = (folder / "revisions.json").read_text()
    unet = folder / "unet/model.safetensors"
    publish(hub, "3", number=2)
    unet.unlink()
    got(hub, tmp_path, "3")
    assert (unet.read_bytes(), (folder / "revisions.json").read_text()) == (weights(1), pins)
    got(hub, tmp_path, "3", "--update")
    assert unet.read_bytes() == weights(2)
    (three,) = K3.repositories
    newest = hub.repositories[three.hub_id].revisions["main"]
    assert json.loads((folder / "revisions.json").read_text()) == {three.hub_id: newest}


def test_what_is_whole_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    """And what is as long as it should be, but has another content, is."""
    publish(hub, "3", number=1)
    got(hub, tmp_path, "3")
    (tmp_path / "models/3/movq/model.safetensors").write_bytes(weights(2))
    hub.log.clear()
    got(hub, tmp_path, "3")
    assert hub.fetched() == ["movq/model.safetensors"]
    card("3", tmp_path)


def test_a_cut_connection_is_taken_up_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    (three,) = K3.repositories
    large = save({"weight": np.zeros(CHUNK, np.uint8)})
    hub.publish(three.hub_id, files_of(three) | {"unet/model.safetensors": large})
    hub.cuts["unet/model.safetensors"] = Cut(at=CHUNK, times=1)
    assert run(hub, tmp_path, "3").returncode == 0
    assert any(line.endswith(f"unet/model.safetensors bytes={CHUNK}-") for line in hub.log)
    assert (tmp_path / "models/3/unet/model.safetensors").read_bytes() == large
    card("3", tmp_path)


@pytest.mark.slow
def test_after_a_broken_connection_the_same_command_goes_on(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "3")
    hub.cuts["text_encoder/model.safetensors"] = Cut(at=100, times=99)
    done = run(hub, tmp_path, "3")
    assert done.returncode == 1
    assert "run the same command again" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    before = hub.fetched()
    assert "unet/model.safetensors" in before
    hub.cuts.clear()
    hub.log.clear()
    got(hub, tmp_path, "3")
    assert "text_encoder/model.safetensors" in hub.fetched()
    assert set(hub.fetched()) & set(before) == {"text_encoder/model.safetensors"}
    card("3", tmp_path)


def test_ctrl_c_stops_it_and_the_same_command_goes_on(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "3")
    hub.stuck = threading.Event()
    # where the tests run in the background, Ctrl+C is ignored from here on downwards
    heeded = "signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = f"import runpy, signal; {heeded}; runpy.run_module('engine.hub', None, '__main__')"
    with subprocess.Popen(
        [sys.executable, "-c", program, "3"],
        cwd=ROOT,
        env=environment(hub, tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 60
        while not hub.fetched() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    hub.stuck.set()
    assert process.returncode == 130
    assert errors.split("\n")[1:] == [
        "Stopped. To go on, run the same command again, which goes on with what is missing.",
        "",
    ]
    got(hub, tmp_path, "3")
    card("3", tmp_path)


@pytest.mark.parametrize(
    ("repository", "sentence"),
    [
        ("someone/nothing", "There is no repository someone/nothing at "),
        (f"{DECODER}@nothing", f"{DECODER} has no revision nothing: "),
        ("someone/pickled", "someone/pickled has no safetensors with a config.json in unet/, "),
    ],
)
def test_a_repository_that_cannot_be_used_is_named(
    hub: Hub, tmp_path: Path, repository: str, sentence: str
) -> None:
    publish(hub, "2.2")
    hub.publish("someone/pickled", {"unet/config.json": b"{}", "unet/model.bin": b"boom"})
    assert refusal(run(hub, tmp_path, "2.2", "--from", f"decoder={repository}")).startswith(
        sentence
    )
    assert not hub.fetched()


def test_a_gated_repository_opens_with_a_token(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "3")
    (three,) = K3.repositories
    hub.gated[three.hub_id] = "hf_secret"
    told = refusal(run(hub, tmp_path, "3"))
    assert told.startswith(f"{three.hub_id} is gated: accept its terms at {hub.address}")
    got(hub, tmp_path, "3", HF_TOKEN="hf_secret")
    card("3", tmp_path)


def test_a_pinned_commit_that_is_gone_is_told(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "3")
    got(hub, tmp_path, "3")
    pins = tmp_path / "models/3/revisions.json"
    pins.write_text(json.dumps(dict.fromkeys(json.loads(pins.read_text()), "0" * 40)))
    assert "take the newest with --update" in refusal(run(hub, tmp_path, "3"))
    pins.write_text("{")
    assert refusal(run(hub, tmp_path, "3")).startswith(f"{pins} cannot be read")


def test_without_a_network_it_says_so(hub: Hub, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{probe.getsockname()[1]}"
        told = refusal(run(hub, tmp_path, "3", HF_ENDPOINT=closed))
    assert told.startswith(f"{closed} cannot be reached")
    assert "run the same command again" in told
    assert refusal(run(hub, tmp_path, "3", HF_HUB_OFFLINE="1")).startswith("HF_HUB_OFFLINE")


def test_a_full_disk_is_told_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "3")
    hub.padding = 10**17
    assert " do not fit: the disk of " in refusal(run(hub, tmp_path, "3"))
    assert not hub.fetched()
    assert not (tmp_path / "models").exists()


def test_room_is_what_is_free() -> None:
    see_room(5, 5, Path("here"))
    with pytest.raises(NotGot, match=r"7\.00 GB do not fit: the disk of here has 5\.00 GB free"):
        see_room(7 * 10**9, 5 * 10**9, Path("here"))


def test_a_folder_that_cannot_be_written_is_told(hub: Hub, tmp_path: Path) -> None:
    publish(hub, "3")
    (tmp_path / "models").write_text("a file")
    told = refusal(run(hub, tmp_path, "3"))
    assert told.startswith(f"{tmp_path / 'models/3'} cannot be filled: ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "required: model"),
        (["9.9"], "invalid choice: '9.9'"),
        (["2.1", "--without", "depth"], "of Kandinsky 2.1, --without may leave out: inpaint"),
        (["3", "--without", "inpaint"], "of Kandinsky 3, --without may leave out: nothing"),
        (["3", "--from", "decoder=a/b"], "--from can fill ., not decoder"),
        (["2.2", "--from", "a/b"], "'a/b' is not PLACE=OWNER/NAME[@REVISION]"),
        (["2.2", "--from", "prior=a"], "'prior=a' is not PLACE=OWNER/NAME[@REVISION]"),
        (["2.2", "--from", "prior=a/b..c"], "Cannot have -- or .. in repo_id"),
    ],
)
def test_a_wrong_argument_is_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2
    assert told in capsys.readouterr().err


def test_it_does_not_need_torch() -> None:
    program = "import sys, engine.hub; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_the_published_families_are_whole() -> None:
    """Each part is in one repository, at a place of its own."""
    for family in (K21, K22, K3):
        places = [repository.place for repository in family.repositories]
        assert len(set(places)) == len(places)
    assert K21.parts[:3] == ("prior/prior", "prior/text_encoder", "prior/image_encoder")
    assert K21.parts[3:] == ("decoder/unet", "decoder/movq", "decoder/text_encoder")
    assert K22.parts == (*K21.parts[:3], "decoder/unet", "decoder/movq")
    assert K3.parts == ("unet", "text_encoder", "movq")
