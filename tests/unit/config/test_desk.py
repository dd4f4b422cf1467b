import pytest
from django.contrib.auth.models import Permission, User
from django.test import RequestFactory

from config.desk import navigation

pytestmark = pytest.mark.django_db


def titles(rf: RequestFactory, user: User) -> list[str]:
    request = rf.get("/admin/")
    request.user = user
    return [item["title"] for group in navigation(request) for item in group["items"]]


def test_the_side_bar_shows_what_a_person_may_see(rf: RequestFactory) -> None:
    person = User.objects.create_user("person")
    assert titles(rf, person) == []

    person.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert titles(rf, User.objects.get(pk=person.pk)) == ["Users"]


def test_an_administrator_sees_tasks_reviews_agents_and_people(rf: RequestFactory) -> None:
    shown = titles(rf, User.objects.create_superuser("admin"))
    assert {"Tasks", "Review queue", "Agents", "Users", "Groups"} <= set(shown)
