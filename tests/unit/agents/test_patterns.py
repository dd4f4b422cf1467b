import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.definition.patterns import check_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?i)refund (?:order )?#?(?P<order_id>\d{4})(?:[,:]? *(?P<reason>.+))?",
        r"(?i)^where is order #?(?P<order_id>\d{4})\s{0,3}\?$",
        r"(?P<who>.+) to (?P<where>.+)",
        r"[\w.+-]{1,64}@[\w.-]{1,190}",
        r"(?i)\b(promise|guarantee|compensat)",
        r"a*b*c*d",
        r"(?:ab|cd){1,20}e",
        "",
    ],
)
def test_an_ordinary_pattern_is_taken(pattern):
    check_pattern(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a|ab)*c",
        r"(\w+\s?)*$",
        r"([a-z]+[0-9]*)+!",
        r"(?=(a+)+$)b",
        r"\s*\s*\s*x",
        r".*.*.*x",
        r"(.+) (.+) (.+)$",
        r"\w+\d+x",
        r"\d+\.?\d*x",
        r"(.*a){12}",
        "a?" * 30 + "a" * 30,
        r"(a{1,100}){1,100}b",
    ],
)
def test_a_pattern_that_could_stop_a_process_is_refused(pattern):
    with pytest.raises(ValueError, match=r"nested quantifiers|run for too long"):
        check_pattern(pattern)


@pytest.mark.parametrize("pattern", ["(", "[z-a]", r"(?P<a>x)(?P<a>y)", r"\1", "a{5,2}", "*", r"[[a]"])
def test_a_pattern_that_cannot_be_read_is_refused_with_its_text(pattern):
    with pytest.raises(ValueError, match="can't be read"):
        check_pattern(pattern)


def test_the_names_of_the_groups_are_told():
    assert check_pattern(r"(?P<a>x)(y)(?P<b>z)?") == {"a", "b"}


@given(st.text(alphabet="ab.*+?()[]{}|^$\\d12,-<>=!:", max_size=25))
def test_whatever_the_pattern_the_answer_is_its_groups_or_a_sentence(pattern):
    try:
        groups = check_pattern(pattern)
    except ValueError as refused:
        groups = frozenset()
        said = str(refused)
        assert_tells(said, pattern)
    assert isinstance(groups, frozenset)


def assert_tells(said: str, pattern: str) -> None:
    assert repr(pattern) in said
