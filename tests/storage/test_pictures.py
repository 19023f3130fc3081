"""The picture store, once in a folder and once in a bucket."""

from __future__ import annotations

import errno
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Lock

import pytest
from PIL import Image

from storage.files import Files, files_at
from storage.pictures import PictureLost, PictureStore, picture_name, thumbnail_name
from tests.storage.pngs import CAT, FOX, name, noise, png

pytestmark = pytest.mark.slow

pytest_plugins = ["tests.storage.places"]

HOSTILE = ["", ".", "..", "../job", "a/b", "/etc/passwd", "a.b", "a b", "a\n", "лиса", "a" * 129]


@pytest.fixture
def store(place: str) -> PictureStore:
    return PictureStore(place)


def test_a_file_is_named_by_its_content(place: str, store: PictureStore) -> None:
    (fox,) = store.save("job", [FOX])
    assert fox == name(FOX)
    assert store.read(fox) == FOX
    assert store.address(picture_name(fox)) == f"{place}/{fox[:2]}/{fox[2:4]}/{fox}.png"


def test_what_one_process_saves_another_reads(place: str, store: PictureStore) -> None:
    other = PictureStore(place)
    assert other.notes() == []
    (fox,) = store.save("job", [FOX])
    assert (other.notes(), other.noted("job"), other.read(fox)) == (["job"], [fox], FOX)


def test_settling_keeps_what_has_rows_and_removes_the_rest(store: PictureStore) -> None:
    fox, cat = store.save("job", [FOX, CAT])
    assert store.noted("job") == [fox, cat]
    store.settle("job", keep={fox})
    assert (store.notes(), store.noted("job")) == ([], [])
    assert list(store.files()) == [fox]
    assert list(store.strays({fox})) == []


def test_a_removal_takes_what_no_row_refers_to(store: PictureStore) -> None:
    fox, cat = store.save("job", [FOX, CAT])
    store.settle("job", keep={fox, cat})
    store.remove("gone", [fox, cat])
    assert (store.leaving(), store.marked("gone")) == (["gone"], [fox, cat])
    assert store.read(fox) == FOX
    store.finish_removal("gone", keep={cat})
    store.finish_removal("gone", keep={cat})
    assert (store.leaving(), store.marked("gone")) == ([], [])
    assert list(store.files()) == [cat]
    assert list(store.strays({cat})) == []
    with pytest.raises(PictureLost):
        store.read(fox)


def test_saves_and_removals_of_one_name_are_two_things(store: PictureStore) -> None:
    (fox,) = store.save("job", [FOX])
    store.settle("job", keep={fox})
    store.remove("job", [fox])
    assert (store.notes(), store.leaving()) == ([], ["job"])


def test_the_same_content_again_is_the_same_file(store: PictureStore) -> None:
    assert store.save("a", [FOX, FOX]) == store.save("b", [FOX, FOX])
    assert list(store.files()) == [name(FOX)]


def test_racing_saves_of_one_picture_never_show_a_part_of_it(store: PictureStore) -> None:
    picture = noise(200)
    store.save("first", [picture])
    notes = [f"save-{number}" for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        saves = [pool.submit(store.save, note, [picture]) for note in notes]
        reads = [pool.submit(store.read, name(picture)) for _ in range(24)]
        assert {read.result() for read in reads} == {picture}
        assert all(save.result() == [name(picture)] for save in saves)
    for note in ["first", *notes]:
        store.settle(note, keep={name(picture)})
    assert store.read(name(picture)) == picture
    assert list(store.strays({name(picture)})) == []


def test_what_another_save_lists_is_left_to_it(store: PictureStore) -> None:
    """The other save may be about to write its rows."""
    (fox,) = store.save("failed", [FOX])
    store.save("working", [FOX])
    store.settle("failed", keep=())
    assert store.read(fox) == FOX
    store.settle("working", keep=())
    assert (list(store.files()), list(store.strays(()))) == ([], [])


def test_a_removal_leaves_what_a_save_lists(store: PictureStore) -> None:
    (fox,) = store.save("old", [FOX])
    store.settle("old", keep={fox})
    store.remove("gone", [fox])
    store.save("new", [FOX])
    store.finish_removal("gone", keep=())
    store.settle("new", keep={fox})
    assert store.read(fox) == FOX


def test_racing_saves_and_removals_of_one_picture_lose_nothing(place: str) -> None:
    """Each thread is a process with a store of its own; they share rows and the lock."""
    lock, rounds = Lock(), 10
    rows: set[str] = set()
    fox = name(FOX)

    def keep() -> set[str]:
        return {fox} if rows else set()

    def save(worker: str, lucky: bool) -> None:
        store = PictureStore(place)
        for number in range(rounds):
            note = f"{worker}-{number}"
            with lock:
                store.save(note, [FOX])
            if lucky:
                rows.add(note)
            with lock:
                store.settle(note, keep())
            if lucky:
                assert store.read(fox) == FOX
                with lock:
                    store.remove(note, [fox])
                rows.discard(note)
                with lock:
                    store.finish_removal(note, keep())

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(save, f"save{number}", number < 3) for number in range(4)]:
            done.result()
    store = PictureStore(place)
    assert (list(store.files()), list(store.strays(())), store.notes()) == ([], [], [])


def test_settling_or_finishing_nothing_is_harmless(store: PictureStore) -> None:
    assert (store.notes(), store.leaving(), list(store.files())) == ([], [], [])
    store.settle("job", keep=())
    store.finish_removal("job", keep=())


def test_a_thumbnail_is_stored_with_its_picture(place: str, store: PictureStore) -> None:
    (wide,) = store.save("job", [png(600)])
    thumbnail = files_at(place).read(thumbnail_name(wide))
    assert store.thumbnail(wide) == thumbnail
    with Image.open(BytesIO(thumbnail)) as image:
        assert (image.format, image.size) == ("WEBP", (256, 256))
        assert abs(image.convert("RGB").getpixel((9, 9))[0] - 255) < 9  # type: ignore[index]


def test_a_missing_thumbnail_is_made_and_stored(place: str, store: PictureStore) -> None:
    (fox,) = store.save("job", [FOX])
    thumbnail, files = store.thumbnail(fox), files_at(place)
    files.delete(thumbnail_name(fox))
    assert store.thumbnail(fox) == thumbnail == files.read(thumbnail_name(fox))


def test_what_is_no_picture_is_kept_without_a_thumbnail(store: PictureStore) -> None:
    (text,) = store.save("job", [b"text"])
    assert store.read(text) == b"text"
    with pytest.raises(PictureLost):
        store.thumbnail(text)


def test_nothing_is_read_that_is_not_there(store: PictureStore) -> None:
    with pytest.raises(PictureLost):
        store.read(name(FOX))
    with pytest.raises(PictureLost):
        store.thumbnail(name(FOX))


def test_strays_are_all_files_that_no_hash_accounts_for(place: str, store: PictureStore) -> None:
    fox, cat = store.save("job", [FOX, CAT])
    files = files_at(place)
    files.write("stray.png", b"stray")
    files.write("incoming/more/stray", b"stray")
    assert set(store.strays({fox})) == {
        picture_name(cat),
        thumbnail_name(cat),
        "stray.png",
        "incoming/more/stray",
    }


@pytest.mark.parametrize("note", HOSTILE)
def test_hostile_names_of_notes_are_refused(note: str) -> None:
    store = PictureStore("memory://hostile")
    with pytest.raises(ValueError, match="cannot name"):
        store.save(note, [FOX])
    with pytest.raises(ValueError, match="cannot name"):
        store.settle(note, keep=())
    with pytest.raises(ValueError, match="cannot name"):
        store.remove(note, [])
    with pytest.raises(ValueError, match="cannot name"):
        store.finish_removal(note, keep=())
    assert list(store.strays(())) == []


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "AB" * 32, "ab" * 31, f"{'ab' * 32}\n"])
def test_hostile_hashes_are_refused(sha256: str) -> None:
    store = PictureStore("memory://hostile")
    with pytest.raises(ValueError, match="no hash"):
        store.read(sha256)
    with pytest.raises(ValueError, match="no hash"):
        store.thumbnail(sha256)
    with pytest.raises(ValueError, match="no hash"):
        store.remove("gone", [sha256])
    assert store.leaving() == []


class Slow:
    """Files to which something happens just before each thumbnail is written."""

    def __init__(self, files: Files) -> None:
        self.read, self.delete = files.read, files.delete
        self.names, self.address = files.names, files.address
        self._write = files.write
        self.before: Callable[[], None] = lambda: None

    def write(self, name: str, content: bytes) -> None:
        if name.startswith("thumbnails/"):
            self.before()
        self._write(name, content)


def test_a_thumbnail_does_not_outlive_a_removal(place: str) -> None:
    store, files = PictureStore(place), Slow(files_at(place))
    (fox,) = store.save("job", [FOX])
    store.settle("job", keep={fox})
    files_at(place).delete(thumbnail_name(fox))

    def remove() -> None:
        store.remove("gone", [fox])
        store.finish_removal("gone", keep=())

    files.before = remove
    with pytest.raises(PictureLost):
        PictureStore(files).thumbnail(fox)
    assert list(store.strays(())) == []


def test_a_full_disk_does_not_hide_a_thumbnail(place: str) -> None:
    store, files = PictureStore(place), Slow(files_at(place))
    (fox,) = store.save("job", [FOX])
    thumbnail = store.thumbnail(fox)
    files_at(place).delete(thumbnail_name(fox))

    def refuse() -> None:
        raise OSError(errno.ENOSPC, "full")

    files.before = refuse
    assert PictureStore(files).thumbnail(fox) == thumbnail
