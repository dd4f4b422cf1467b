"""Who calls? The owner of the key in the Authorization header."""

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from agents.api import keys
from agents.errors import NotAllowed
from agents.models import ApiKey


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer cs_…`. A request without the header is left to the session."""

    def authenticate(self, request: Request) -> tuple[User, ApiKey] | None:
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, plain = header.partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("The Authorization header must be “Bearer cs_…”, with your API key.")
        try:
            key = keys.find(plain.strip())
        except NotAllowed as refused:
            raise AuthenticationFailed(refused.message) from None
        return key.owner, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="countersign"'
