"""What do the tests of personal data share? An agent that hides all kinds, and a provider on loopback that keeps what
it was sent."""

from tests.spending.conftest import desk as desk
from tests.spending.conftest import provider as provider
from tests.spending.conftest import quick as quick
