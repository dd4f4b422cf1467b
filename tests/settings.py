"""Which settings do the tests run with? Production's, with nothing from a .env file or a person's shell.

DATABASE_URL and REDIS_URL choose the services; without them it is SQLite and everything in memory.
"""

import os
import tempfile
from pathlib import Path

os.environ.update(
    COUNTERSIGN_ENV_FILE=os.devnull,
    DEBUG="false",
    SECRET_KEY="for-tests-only-" + "0123456789abcdef" * 3,
    ALLOWED_HOSTS="testserver,localhost,127.0.0.1",
    COUNTERSIGN_PLAIN_HTTP="true",
    COUNTERSIGN_APPS="tools.examples.shop,tests.desk,attacks",
    COUNTERSIGN_DEMO="false",
    COUNTERSIGN_API_REQUESTS_PER_MINUTE="1000000",
    LOG_LEVEL="WARNING",
)
# A file, since the threads of a test share the database; one for each run, since several may run at once.
_sqlite = Path(tempfile.gettempdir()) / f"countersign-test-{os.getpid()}.sqlite3"
os.environ.setdefault("DATABASE_URL", f"sqlite:///{_sqlite}")
# Tests that run in parallel each have a database of their own (pytest-django sees to that), and so a number in Redis.
_redis = os.environ.get("REDIS_URL", "")
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _redis and _worker:
    _server, _, _number = _redis.rpartition("/")
    os.environ["REDIS_URL"] = f"{_server}/{int(_number) + int(_worker.removeprefix('gw'))}"
# No test speaks to a model because somebody's shell has a key.
for _name in [name for name in os.environ if name.startswith(("ANTHROPIC_", "OPENAI_", "SENTRY_"))]:
    del os.environ[_name]

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": str(_sqlite)}
    # Tests kill processes, and never the machine: what the kernel has is safe without waiting for the disk.
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
COLLECTED_STATIC = False
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
