import pytest

from config.databases import database


def test_sqlite_takes_its_write_lock_at_once_and_lets_readers_go_on() -> None:
    options = database("sqlite:////tmp/some.sqlite3")["OPTIONS"]
    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]


def test_postgresql_has_a_pool_with_a_limit_and_statements_that_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_POOL_MAX", "7")
    monkeypatch.setenv("DATABASE_STATEMENT_TIMEOUT", "1.5")
    made = database("postgres://someone:secret@db.example:5433/countersign?sslmode=require")

    assert (made["HOST"], made["PORT"], made["NAME"]) == ("db.example", 5433, "countersign")
    assert made["CONN_MAX_AGE"] == 0
    assert made["OPTIONS"]["pool"]["max_size"] == 7
    assert made["OPTIONS"]["sslmode"] == "require"
    assert "statement_timeout=1500 " in made["OPTIONS"]["options"]


@pytest.mark.parametrize("url", ["mysql://db.example/x", "countersign", "http://db.example"])
def test_another_database_is_refused(url: str) -> None:
    with pytest.raises(SystemExit, match="must be a postgres:// or a sqlite:// address"):
        database(url)


def test_an_address_without_a_database_is_refused() -> None:
    with pytest.raises(SystemExit, match="names no database"):
        database("postgres://someone@db.example")


def test_an_address_that_cannot_be_read_is_refused_without_showing_its_password() -> None:
    with pytest.raises(SystemExit, match="percent-encoded") as refused:
        database("postgres://someone:se[cret/word@db.example:x/countersign")
    assert "cret" not in str(refused.value)


def test_a_pool_smaller_than_its_smallest_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_POOL_MIN", "9")
    monkeypatch.setenv("DATABASE_POOL_MAX", "3")
    with pytest.raises(SystemExit, match="DATABASE_POOL_MIN is 9"):
        database("postgres://db.example/countersign")
