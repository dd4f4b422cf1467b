"""Who calls: API keys, and the command that makes them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command

from agents.api import keys
from agents.errors import Invalid, NotAllowed
from agents.models import ApiKey
from tests.api.conftest import Caller, problem
from tests.factories import SubmitterFactory, UserFactory

TASKS = "/api/v1/tasks"
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.django_db
class TestMaking:
    def test_the_key_itself_is_not_kept(self) -> None:
        key, plain = keys.make_key(UserFactory(), "billing")
        prefix, secret = plain.removeprefix("cs_").split("_")
        assert key.prefix == prefix
        row = ApiKey.objects.values().get()
        assert not any(secret in str(value) for value in row.values())
        assert keys.find(plain) == key

    def test_every_key_is_another(self) -> None:
        owner = UserFactory()
        assert len({keys.make_key(owner, "billing")[1] for _ in range(20)}) == 20

    @pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\0b", "\ud800"])
    def test_a_name_that_cannot_be_kept_is_refused(self, name: str) -> None:
        with pytest.raises(Invalid, match="1 to 80"):
            keys.make_key(UserFactory(), name)

    @time_machine.travel(NOON, tick=False)
    def test_a_key_that_would_open_nothing_is_refused(self) -> None:
        with pytest.raises(Invalid, match="later"):
            keys.make_key(UserFactory(), "billing", NOON)
        with pytest.raises(Invalid, match="not active"):
            keys.make_key(UserFactory(is_active=False), "billing")


class TestWhoIsRefused:
    def refused(self, caller: Caller) -> str:
        response = caller.get(TASKS)
        assert response["WWW-Authenticate"] == 'Bearer realm="countersign"'
        return problem(response, 401, "not_signed_in")["detail"]

    def test_a_revoked_key(self, sam: Caller) -> None:
        keys.revoke(ApiKey.objects.get())
        assert "revoked" in self.refused(sam)

    def test_revoking_again_changes_nothing(self, sam: Caller) -> None:
        key = ApiKey.objects.get()
        keys.revoke(key)
        first = key.revoked_at
        keys.revoke(key)
        assert key.revoked_at == first

    def test_an_expired_key(self, sam: Caller) -> None:
        with time_machine.travel(NOON, tick=False) as clock:
            ApiKey.objects.update(expires_at=NOON + timedelta(hours=1))
            assert sam.get(TASKS).status_code == 200
            clock.shift(timedelta(hours=1))
            assert "expired on 2026-11-20" in self.refused(sam)

    def test_a_key_whose_owner_left(self, sam: Caller) -> None:
        sam.user.is_active = False
        sam.user.save()
        assert "not active" in self.refused(sam)

    @pytest.mark.parametrize(
        "change", [lambda k: k[:-1], lambda k: k[:-1] + "g", lambda k: k + "0", str.upper, lambda k: ""]
    )
    def test_a_key_that_is_not_whole(self, sam: Caller, change: Any) -> None:
        sam.key = change(sam.key)
        assert "not known" in self.refused(sam)

    def test_the_right_prefix_with_another_secret(self, sam: Caller) -> None:
        sam.key = sam.key[:-1] + ("0" if sam.key[-1] != "0" else "1")
        assert "not known" in self.refused(sam)
        keys.revoke(ApiKey.objects.get())
        assert "not known" in self.refused(sam), "who has not the whole key learns nothing about it"

    @pytest.mark.parametrize(
        "header", ["", "Bearer", "Basic c2FtOnNhbQ==", "cs_1", "Bearer \xff\xfe", "Bearer " + "x" * 9000]
    )
    def test_another_authorization_header(self, sam: Caller, header: str) -> None:
        problem(sam.client.get(TASKS, headers={"Authorization": header}), 401, "not_signed_in")

    def test_a_wrong_key_is_refused_though_there_is_a_session(self, sam: Caller) -> None:
        sam.client.force_login(sam.user)
        sam.key = "cs_wrong"
        assert "not known" in self.refused(sam)


class TestLastUse:
    def test_it_is_noted_at_most_once_a_minute(self, sam: Caller, django_assert_num_queries: Any) -> None:
        def last_used() -> datetime | None:
            return ApiKey.objects.get().last_used_at

        assert last_used() is None
        with time_machine.travel(NOON, tick=False) as clock:
            keys.find(sam.key)
            assert last_used() == NOON
            clock.shift(timedelta(seconds=59))
            with django_assert_num_queries(1):
                keys.find(sam.key)
            assert last_used() == NOON
            clock.shift(timedelta(seconds=1))
            keys.find(sam.key)
            assert last_used() == NOON + timedelta(minutes=1)

    def test_a_refused_key_was_not_used(self, sam: Caller) -> None:
        keys.revoke(ApiKey.objects.get())
        with pytest.raises(NotAllowed):
            keys.find(sam.key)
        assert ApiKey.objects.get().last_used_at is None


@pytest.mark.django_db
class TestTheCommand:
    def test_it_prints_the_key_and_nothing_else(self, capsys: Any) -> None:
        SubmitterFactory(username="sam")
        call_command("make_key", "sam", "billing", days=30)
        printed = capsys.readouterr().out.strip()
        key = keys.find(printed)
        assert (key.owner.username, key.name) == ("sam", "billing")
        assert key.expires_at is not None

    @pytest.mark.parametrize(
        ("user", "name", "days", "said"),
        [("nobody", "billing", None, "no user"), ("sam", "", None, "name"), ("sam", "billing", 0, "--days")],
    )
    def test_it_says_what_is_wrong(self, user: str, name: str, days: int | None, said: str) -> None:
        SubmitterFactory(username="sam")
        with pytest.raises(CommandError, match=said):
            call_command("make_key", user, name, days=days)
