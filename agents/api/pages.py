"""What else is at /api? What the types of problems mean, and what is not there."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from agents.api.kinds import KINDS


class NoSuchAddress(APIView):
    """What is not there is said in the form of all other problems."""

    authentication_classes = []
    permission_classes = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(f"There is nothing at {request.path[:200]}; /api/docs lists the addresses.")


def problem_page(request: HttpRequest) -> HttpResponse:
    """What the types of problems mean."""
    return render(request, "api/problems.html", {"kinds": KINDS.values()})
