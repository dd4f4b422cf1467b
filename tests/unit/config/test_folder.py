from pathlib import Path

import pytest

from config.embedded import folder


def test_a_folder_keeps_one_secret_key_for_its_owner_alone(tmp_path: Path) -> None:
    first = folder.secret_key(tmp_path / "new" / "data")

    assert len(first) >= 50
    assert folder.secret_key(tmp_path / "new" / "data") == first
    assert (tmp_path / "new" / "data" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    folder.secret_key(tmp_path)
    (tmp_path / "secret_key").chmod(0o644)
    folder.secret_key(tmp_path)
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_folder_is_used_by_one_process_and_the_next_is_told_by_which(tmp_path: Path) -> None:
    with folder.lock(tmp_path) as held:
        folder.sign(held, "http://127.0.0.1:8000/")
        with pytest.raises(SystemExit, match=r"process \d+, at http://127.0.0.1:8000/, uses"):
            folder.lock(tmp_path)
    folder.lock(tmp_path).close()


def test_a_lock_that_nobody_signed_yet_is_refused_too(tmp_path: Path) -> None:
    with folder.lock(tmp_path), pytest.raises(SystemExit, match="another process uses"):
        folder.lock(tmp_path)


def test_a_place_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit, match="can't be written to"):
        folder.prepare(tmp_path / "file" / "data")
