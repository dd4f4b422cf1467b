"""Scopes, teams, rates, ETags, chosen fields: what holds for all addresses."""

from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from agents.api import keys
from agents.errors import Invalid, Stale
from agents.models import AgentVersion, ApiKey, Team
from tests.api.conftest import Caller, fields, problem
from tests.factories import (
    NOON,
    AgentFactory,
    AgentVersionFactory,
    ReviewerFactory,
    SubmitterFactory,
    TaskFactory,
    UserFactory,
    definition,
)

TASKS = "/api/v1/tasks"


def with_scopes(who: Caller, *scopes: str) -> Caller:
    return Caller(who.user, keys.make_key(who.user, "narrow", scopes=scopes)[1], Client())


class TestScopes:
    def test_a_key_does_only_what_its_scopes_say(self, desk: AgentVersion, sam: Caller) -> None:
        reader, writer = with_scopes(sam, "tasks:read"), with_scopes(sam, "tasks:write")
        assert reader.get(TASKS).status_code == 200
        said = problem(reader.post(TASKS, {"agent": "desk", "goal": "x"}), 403, "not_allowed")
        assert "tasks:write" in said["detail"]
        assert writer.post(TASKS, {"agent": "desk", "goal": "x"}).status_code == 202
        assert "tasks:read" in problem(writer.get(TASKS), 403, "not_allowed")["detail"]
        problem(reader.get("/api/v1/usage"), 403, "not_allowed")
        assert with_scopes(sam, "usage:read").get("/api/v1/usage").status_code == 200

    def test_a_scope_gives_nothing_that_the_owner_lacks(self, desk: AgentVersion, nobody: Caller) -> None:
        wide = with_scopes(nobody, "tasks:write", "reviews:read", "reviews:decide")
        assert (
            "agents.submit_task"
            in problem(wide.post(TASKS, {"agent": "desk", "goal": "x"}), 403, "not_allowed")["detail"]
        )
        problem(wide.get("/api/v1/reviews"), 403, "not_allowed")

    def test_a_scope_that_is_none_is_refused(self, db: None) -> None:
        with pytest.raises(Invalid, match="tasks:read"):
            keys.make_key(UserFactory(), "x", scopes=["task:read"])
        with pytest.raises(Invalid, match="at least one"):
            keys.make_key(UserFactory(), "x", scopes=[])

    def test_who_reads_a_secret_must_be_able_to_write(self, sam: Caller, settings: Any) -> None:
        made = sam.post("/api/v1/webhooks", {"url": "https://shop.example/", "kinds": ["task.created"]}).json()
        problem(with_scopes(sam, "tasks:read").get(f"/api/v1/webhooks/{made['id']}"), 403, "not_allowed")


class TestRotation:
    def test_for_a_while_both_keys_open_the_door(self, sam: Caller) -> None:
        old = ApiKey.objects.get()
        with time_machine.travel(NOON, tick=False) as clock:
            new, plain = keys.rotate(old)
            after = Caller(sam.user, plain, Client())
            assert (sam.get(TASKS).status_code, after.get(TASKS).status_code) == (200, 200)
            assert new.scopes == old.scopes
            clock.shift(keys.BOTH_KEYS)
            assert (sam.get(TASKS).status_code, after.get(TASKS).status_code) == (401, 200)

    def test_there_are_never_three(self, sam: Caller) -> None:
        old = ApiKey.objects.get()
        new, _ = keys.rotate(old)
        with pytest.raises(Stale, match="replaced already"):
            keys.rotate(old)
        with pytest.raises(Stale, match="still lives"):
            keys.rotate(new)
        keys.revoke(old)
        assert keys.rotate(new)
        with pytest.raises(Stale, match="nothing any more"):
            keys.rotate(old)


class TestTeams:
    def test_team_mates_see_each_others_tasks_and_others_do_not(
        self, sam: Caller, other: Caller, nobody: Caller
    ) -> None:
        team = Team.objects.create(name="Returns")
        team.members.set([sam.user, other.user])
        task = TaskFactory(submitted_by=sam.user)
        assert other.get(f"{TASKS}/{task.pk}").status_code == 200
        assert [one["id"] for one in other.get(TASKS).json()["results"]] == [task.pk]
        problem(nobody.get(f"{TASKS}/{task.pk}"), 404, "not_found")
        problem(other.post(f"{TASKS}/{task.pk}/cancel"), 403, "not_allowed")
        team.members.remove(other.user)
        for address in ("", "/steps", "/actions", "/costs", "/events", "/stream"):
            problem(other.get(f"{TASKS}/{task.pk}{address}"), 404, "not_found")


class TestRates:
    def test_a_key_that_calls_too_often_is_told_when_to_come_again(
        self, sam: Caller, other: Caller, settings: Any
    ) -> None:
        cache.clear()
        settings.COUNTERSIGN_API_REQUESTS_PER_MINUTE = 3
        with time_machine.travel(NOON, tick=False) as clock:
            assert [sam.get(TASKS).status_code for _ in range(3)] == [200] * 3
            refused = sam.get(TASKS)
            problem(refused, 429, "too_many")
            assert refused["Retry-After"] == "60"
            assert other.get(TASKS).status_code == 200, "the rate is each key's own"
            clock.shift(60)
            assert sam.get(TASKS).status_code == 200

    def test_goals_beyond_an_agents_limit_are_refused_with_the_time_to_come_again(self, sam: Caller) -> None:
        limited = definition(name="desk", limits={"goals_per_minute": 1})
        AgentVersionFactory(agent=AgentFactory(name="desk"), definition=limited)
        assert sam.post(TASKS, {"agent": "desk", "goal": "One"}).status_code == 202
        refused = sam.post(TASKS, {"agent": "desk", "goal": "Two"})
        assert "takes 1 goals a minute" in problem(refused, 429, "too_many")["detail"]
        assert refused["Retry-After"] == "60"

    def test_a_cache_that_is_away_costs_nobody_an_answer(self, sam: Caller, settings: Any) -> None:
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "redis://127.0.0.1:1/0",
            }
        }
        assert sam.get(TASKS).status_code == 200


class TestETags:
    @pytest.mark.parametrize("address", ["", "/{}", "/{}/steps", "/{}/events"])
    def test_what_did_not_change_is_not_sent_again(self, sam: Caller, address: str) -> None:
        task = TaskFactory(submitted_by=sam.user)
        url = TASKS + address.format(task.pk)
        first = sam.get(url)
        again = sam.client.get(url, headers=sam.headers({"If-None-Match": first["ETag"]}))
        assert (again.status_code, again.content) == (304, b"")
        assert "private" in first["Cache-Control"]

    def test_what_changed_is(self, sam: Caller) -> None:
        task = TaskFactory(submitted_by=sam.user)
        first = sam.get(f"{TASKS}/{task.pk}")
        sam.post(f"{TASKS}/{task.pk}/cancel")
        again = sam.client.get(f"{TASKS}/{task.pk}", headers=sam.headers({"If-None-Match": first["ETag"]}))
        assert (again.status_code, again.json()["status"]) == (200, "canceled")


class TestFields:
    def test_only_the_fields_that_are_asked_for(self, sam: Caller) -> None:
        task = TaskFactory(submitted_by=sam.user)
        assert sam.get(f"{TASKS}/{task.pk}", fields="id,status").json() == {"id": task.pk, "status": "pending"}
        assert sam.get(TASKS, fields="id").json()["results"] == [{"id": task.pk}]

    @pytest.mark.parametrize("said", ["", "id,", "staus", "id status", "inputs\0"])
    def test_a_field_that_is_none(self, sam: Caller, said: str) -> None:
        TaskFactory(submitted_by=sam.user)
        assert "not a field" in fields(problem(sam.get(TASKS, fields=said), 422, "invalid"))["fields"]


@pytest.mark.parametrize(
    "address", ["tasks/batch", "tasks/1", "agents", "tools", "usage", "webhooks", "stream", "reviews"]
)
def test_a_parameter_that_is_none_is_named(sam: Caller, address: str) -> None:
    wide = with_scopes(sam, *keys.read(["tasks:read", "tasks:write", "usage:read", "reviews:read"]))
    wide.user.groups.add(*ReviewerFactory().groups.all())
    url = f"/api/v1/{address}?curosr=x"
    said = problem(wide.post(url) if "batch" in address else wide.get(url), 422, "invalid")
    assert "curosr" in fields(said)


def test_no_page_of_another_origin_may_call(sam: Caller) -> None:
    response = sam.client.get(TASKS, headers=sam.headers({"Origin": "https://elsewhere.example"}))
    assert not [name for name in response.headers if name.lower().startswith("access-control")]
    asked = sam.client.options(TASKS, headers={"Origin": "https://elsewhere.example", **sam.headers()})
    assert asked.status_code == 405


def test_a_service_account_signs_in_with_a_key_alone(db: None) -> None:
    service = SubmitterFactory(username="billing")
    service.set_unusable_password()
    service.save()
    assert Caller(service, keys.make_key(service, "x")[1], Client()).get(TASKS).status_code == 200
