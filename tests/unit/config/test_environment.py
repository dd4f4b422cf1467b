import pytest

from config import environment


@pytest.mark.parametrize("said", ["1", "true", "True", "YES", "on"])
def test_a_switch_understands_yes(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("X", said)
    assert environment.switch("X", False) is True


@pytest.mark.parametrize("said", ["0", "false", "No", "off"])
def test_a_switch_understands_no(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("X", said)
    assert environment.switch("X", True) is False


def test_a_switch_that_says_neither_refuses_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "ture")
    with pytest.raises(SystemExit, match="X is 'ture'; say true or false"):
        environment.switch("X", True)


@pytest.mark.parametrize("said", ["many", "1.5", "-1", "0"])
def test_a_whole_number_that_is_none_or_too_small_refuses_the_start(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("X", said)
    with pytest.raises(SystemExit, match=r"X is .*whole number"):
        environment.whole("X", 3, at_least=1)


@pytest.mark.parametrize("said", ["soon", "nan", "inf", "-1", "0"])
def test_seconds_that_are_no_length_of_time_refuse_the_start(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("X", said)
    with pytest.raises(SystemExit, match=r"X is .*number of seconds"):
        environment.seconds("X", 3)


@pytest.mark.parametrize("said", ["2,soon", "1,-1", "inf"])
def test_several_seconds_must_each_be_one(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("X", said)
    with pytest.raises(SystemExit, match="divided by commas"):
        environment.several_seconds("X", [1])


@pytest.mark.parametrize("said", ["", "  "])
def test_what_is_set_but_empty_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("X", said)
    assert environment.whole("X", 3) == 3
    assert environment.switch("X", True) is True
    assert environment.words("X", ["a"]) == ["a"]
    assert environment.several_seconds("X", [1.0]) == [1.0]


def test_words_are_divided_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", " a.example , b.example,")
    assert environment.words("X") == ["a.example", "b.example"]
