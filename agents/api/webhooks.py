"""The addresses of webhooks: a caller's own endpoints, and their secrets."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.common import ApiView, caller, problems, read, refuse_parameters
from agents.api.fields import Body, Text
from agents.api.serializers import NothingMore, Shown
from agents.outgoing import subscribing
from agents.outgoing.catalogue import TYPES
from agents.outgoing.models import MAX_URL, Endpoint

TAGS = ["webhooks"]


class NewEndpoint(Body):
    """Where events are to be sent, and which."""

    url = Text(
        said={"pattern": "^https?://[!-~]+$", "maxLength": MAX_URL},
        help_text="An https address that the world can reach.",
    )
    kinds = serializers.ListField(
        child=Text(said={"enum": TYPES}),
        min_length=1,
        max_length=len(TYPES),
        help_text="The types of events, of all your tasks.",
    )


class EndpointLine(Shown[Endpoint]):
    """An endpoint. With no kinds it hears of those tasks only that name it as their callback_url."""

    enabled = serializers.SerializerMethodField()

    class Meta:
        model = Endpoint
        fields = read_only_fields = ["id", "url", "kinds", "enabled", "disabled_why", "created_at"]

    def get_enabled(self, endpoint: Endpoint) -> bool:
        return endpoint.disabled_at is None


class WholeEndpoint(EndpointLine):
    """An endpoint with the secret that signs what it is sent."""

    class Meta(EndpointLine.Meta):
        fields = read_only_fields = [*EndpointLine.Meta.fields, "secret", "old_secret_until"]


class EndpointList(serializers.Serializer[Any]):
    results = EndpointLine(many=True)


class Endpoints(ApiView):
    @extend_schema(tags=TAGS, operation_id="list_webhooks", responses={200: EndpointList, **problems("invalid")})
    def get(self, request: Request) -> Response:
        """Your endpoints, newest first; there are 100 at most."""
        refuse_parameters(request)
        return Response({"results": EndpointLine(mine(request), many=True).data})

    @extend_schema(
        tags=TAGS,
        operation_id="create_webhook",
        request=NewEndpoint,
        examples=[
            OpenApiExample(
                "States", {"url": "https://shop.example/hook", "kinds": ["task.state_changed"]}, request_only=True
            )
        ],
        responses={201: WholeEndpoint, **problems("too_large", "unsupported_media_type", "stale", "invalid")},
    )
    def post(self, request: Request) -> Response:
        """Have events sent to an address. The same address again changes which."""
        refuse_parameters(request)
        wanted = read(NewEndpoint, request)
        endpoint = subscribing.subscribe(caller(request), wanted["url"], wanted["kinds"])
        endpoint.refresh_from_db()
        return Response(WholeEndpoint(endpoint).data, status=201)


class OneEndpoint(ApiView):
    @extend_schema(
        tags=TAGS, operation_id="read_webhook", responses={200: WholeEndpoint, **problems("not_found", "invalid")}
    )
    def get(self, request: Request, endpoint_id: int) -> Response:
        """An endpoint of yours with its secret."""
        refuse_parameters(request)
        self.check_writes(request)
        return Response(WholeEndpoint(get_object_or_404(mine(request), pk=endpoint_id)).data)

    def check_writes(self, request: Request) -> None:
        """Who reads the secret can sign as we do: that takes more than reading tasks."""
        self.read_scope = self.write_scope
        self.check_permissions(request)


class RotateSecret(ApiView):
    @extend_schema(
        tags=TAGS,
        operation_id="rotate_webhook_secret",
        request=NothingMore,
        responses={
            200: WholeEndpoint,
            **problems("not_found", "too_large", "unsupported_media_type", "invalid"),
        },
    )
    def post(self, request: Request, endpoint_id: int) -> Response:
        """A new secret. For a day both sign, so that your receivers can change over one by one."""
        refuse_parameters(request)
        read(NothingMore, request)
        endpoint = get_object_or_404(mine(request), pk=endpoint_id)
        subscribing.rotate_secret(endpoint)
        return Response(WholeEndpoint(endpoint).data)


class DisableEndpoint(ApiView):
    @extend_schema(
        tags=TAGS,
        operation_id="disable_webhook",
        request=NothingMore,
        responses={
            200: WholeEndpoint,
            **problems("not_found", "too_large", "unsupported_media_type", "invalid"),
        },
    )
    def post(self, request: Request, endpoint_id: int) -> Response:
        """Have nothing more sent there. Its log stays; disabling it again changes nothing."""
        refuse_parameters(request)
        read(NothingMore, request)
        endpoint = get_object_or_404(mine(request), pk=endpoint_id)
        subscribing.disable(endpoint, "By its owner.")
        return Response(WholeEndpoint(endpoint).data)


class EnableEndpoint(ApiView):
    @extend_schema(
        tags=TAGS,
        operation_id="enable_webhook",
        request=NothingMore,
        responses={
            200: WholeEndpoint,
            **problems("not_found", "too_large", "unsupported_media_type", "invalid"),
        },
    )
    def post(self, request: Request, endpoint_id: int) -> Response:
        """Have events sent again to an endpoint that was disabled, from now on."""
        refuse_parameters(request)
        read(NothingMore, request)
        endpoint = get_object_or_404(mine(request), pk=endpoint_id)
        subscribing.enable(endpoint)
        return Response(WholeEndpoint(endpoint).data)


def mine(request: Request) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(owner=caller(request))
