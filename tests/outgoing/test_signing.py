"""The signature, as the Standard Webhooks specification says it."""

import base64
import hashlib
import hmac

from agents.outgoing import signing


def test_the_example_of_the_specification() -> None:
    """The values that the specification's reference libraries test themselves with."""
    made = signing.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
    )
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (made["webhook-id"], made["webhook-timestamp"]) == ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330")


def test_two_live_secrets_give_two_signatures_and_either_will_do() -> None:
    secrets = [signing.new_secret(), signing.new_secret()]
    signatures = signing.headers("msg_1", 5, b"body", secrets)["webhook-signature"].split(" ")
    for secret, signature in zip(secrets, signatures, strict=True):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.new(key, b"msg_1.5.body", hashlib.sha256).digest()).decode()
        assert signature == f"v1,{expected}"


def test_a_secret_is_as_long_as_the_specification_wants() -> None:
    key = base64.b64decode(signing.new_secret().removeprefix("whsec_"))
    assert 24 <= len(key) <= 64
