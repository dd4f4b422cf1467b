"""The addresses of review requests: list, read, claim, decide."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters.filters import MultipleChoiceFilter, NumberFilter
from django_filters.rest_framework.filterset import FilterSet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import generics, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.common import ApiView, caller, problems, read, refuse_parameters
from agents.api.fields import AnyJson, Body, Dollars, JsonObject, Moment, Text, WholeNumber
from agents.api.lists import KnownFilters, NewestFirst
from agents.api.serializers import NothingMore, Shown
from agents.errors import Invalid, NotAllowed
from review import services
from review.models import Answer, Decision, Kind, RequestStatus, ReviewRequest, Risk, Via
from review.services import ANSWERS, Given, may_decide

TAGS = ["reviews"]
MAX_KEY = 2**63 - 1
BODY_PROBLEMS = ("not_found", "stale", "too_large", "unsupported_media_type", "invalid")


class RequestLine(Shown[ReviewRequest]):
    """A question to people, as a list shows it."""

    risk = serializers.SerializerMethodField()
    submitter = serializers.CharField(source="task.submitted_by.username", read_only=True)
    claimed_by = serializers.CharField(source="claimed_by.username", read_only=True, default=None, allow_null=True)

    class Meta:
        model = ReviewRequest
        fields = read_only_fields = [
            "id",
            "task",
            "kind",
            "status",
            "title",
            "risk",
            "submitter",
            "claimed_by",
            "claimed_until",
            "opened_at",
            "closed_at",
        ]

    def get_risk(self, request: ReviewRequest) -> str:
        return Risk(request.risk).name.lower()


class WholeRequest(RequestLine):
    """A question with all that was shown. A decision names the digest of what it decides."""

    answers = serializers.SerializerMethodField(help_text="What may be said to it.")
    refused = serializers.SerializerMethodField(help_text="Why you may not decide it; empty if you may.")

    class Meta(RequestLine.Meta):
        fields = read_only_fields = [*RequestLine.Meta.fields, "reasons", "shown", "digest", "answers", "refused"]

    def get_answers(self, request: ReviewRequest) -> list[str]:
        return [str(one) for one in ANSWERS[request.kind]]

    def get_refused(self, request: ReviewRequest) -> str:
        return may_decide(request, self.context["person"])


class GivenDecision(Body):
    """An answer to exactly what the digest stands for."""

    answer = serializers.ChoiceField(choices=Answer.choices)
    digest = Text(help_text="The digest of what was read; another one is refused.")
    comment = Text(required=False, allow_null=True, help_text="Feedback, guidance or a reason.")
    arguments = JsonObject(required=False, allow_null=True, help_text="The arguments, for “edit” and “call”.")
    tool = Text(required=False, allow_null=True, help_text="The tool's name, for “call”.")
    summary = Text(required=False, allow_null=True, help_text="What was done by hand, for “give_back”.")
    result = AnyJson(required=False, help_text="What happened, or the result, for “happened” and “finish”.")
    steps = WholeNumber(required=False, allow_null=True, help_text="How many steps more, for “extend”.")
    amount = Dollars(
        required=False,
        allow_null=True,
        help_text="How many dollars or tokens more, for “extend” of a budget; left out: as suggested.",
    )
    deadline = Moment(
        required=False, allow_null=True, help_text="The new deadline, for “extend” of one; left out: as suggested."
    )


class Decided(Shown[Decision]):
    """A decision, as it is recorded."""

    person = serializers.CharField(source="person.username", read_only=True)

    class Meta:
        model = Decision
        fields = read_only_fields = ["id", "request", "person", "answer", "comment", "at"]


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": MAX_KEY})
class KeyFilter(NumberFilter):
    """A key: a whole number within what the database can hold."""


class RequestFilter(FilterSet):
    status = MultipleChoiceFilter(choices=RequestStatus.choices, help_text="Only in this status; repeat it.")
    kind = MultipleChoiceFilter(choices=Kind.choices, help_text="Only of this kind; repeat it.")
    task = KeyFilter(field_name="task", min_value=1, max_value=MAX_KEY, help_text="Only of this task.")

    class Meta:
        model = ReviewRequest
        fields: list[str] = []


class ReviewView(ApiView):
    """For reviewers, with a key of the scope. Others don't learn that there is anything."""

    read_scope = "reviews:read"
    write_scope = "reviews:decide"
    task_member = "task"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if not caller(request).has_perm("review.view_reviewrequest"):
            raise NotAllowed("Reviews are for reviewers: ask an operator for the group Reviewers.")


class Reviews(ReviewView, generics.ListAPIView[ReviewRequest]):
    queryset = ReviewRequest.objects.none()
    serializer_class = RequestLine
    pagination_class = NewestFirst
    filter_backends = [KnownFilters]
    filterset_class = RequestFilter

    def get_queryset(self) -> QuerySet[ReviewRequest]:
        return ReviewRequest.objects.select_related("task__submitted_by", "claimed_by").defer("shown", "reasons")

    @extend_schema(
        tags=TAGS, operation_id="list_reviews", responses={200: RequestLine(many=True), **problems("invalid")}
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What was asked of people, newest first."""
        return super().get(request, *args, **kwargs)


class OneReview(ReviewView):
    @extend_schema(
        tags=TAGS, operation_id="read_review", responses={200: WholeRequest, **problems("not_found", "invalid")}
    )
    def get(self, request: Request, request_id: int) -> Response:
        """A question, with everything that a reviewer sees, and the digest that a decision names."""
        refuse_parameters(request)
        return Response(_whole(request, request_id))


class ClaimReview(ReviewView):
    @extend_schema(
        tags=TAGS,
        operation_id="claim_review",
        request=NothingMore,
        responses={200: WholeRequest, **problems(*BODY_PROBLEMS)},
    )
    def post(self, request: Request, request_id: int) -> Response:
        """Take a question for a quarter of an hour, so that two people don't read the same one."""
        refuse_parameters(request)
        read(NothingMore, request)
        services.claim(_find(request_id).pk, caller(request))
        return Response(_whole(request, request_id))


class DecideReview(ReviewView):
    @extend_schema(
        tags=TAGS,
        operation_id="decide_review",
        request=GivenDecision,
        examples=[OpenApiExample("Approve", {"answer": "approve", "digest": "9f2c…"}, request_only=True)],
        responses={200: Decided, **problems(*BODY_PROBLEMS)},
    )
    def post(self, request: Request, request_id: int) -> Response:
        """Decide. Who submitted the task can't, by any way in."""
        refuse_parameters(request)
        given = read(GivenDecision, request)
        said = Given(
            comment=given.get("comment") or "",
            tool=given.get("tool") or "",
            arguments=given.get("arguments"),
            summary=given.get("summary") or "",
            result=given.get("result"),
            steps=given.get("steps") or 0,
            amount=given.get("amount"),
            deadline=given.get("deadline"),
        )
        person: User = caller(request)
        try:
            decision = services.decide(
                _find(request_id).pk, person, given["answer"], given["digest"], said, via=Via.API
            )
        except Invalid as invalid:
            # What the services call feedback, guidance or a reason is the comment here.
            field = invalid.field if invalid.field in GivenDecision().fields or not invalid.field else "comment"
            raise Invalid(invalid.message, field=field) from None
        return Response(Decided(decision).data)


def _find(request_id: int) -> ReviewRequest:
    wanted = ReviewRequest.objects.select_related("task__submitted_by", "task__owner", "claimed_by")
    return get_object_or_404(wanted, pk=request_id)


def _whole(request: Request, request_id: int) -> dict[str, Any]:
    return dict(WholeRequest(_find(request_id), context={"person": caller(request)}).data)
