"""Which settings does Countersign run with? All come from the environment, and the defaults are production's.

docs/run.md lists the names. A setting that can't be used ends the start with one sentence (environment.py);
settings that contradict each other are system checks (checks.py).
"""

import os
import ssl
from pathlib import Path
from typing import Any

from config.databases import SQLITE, database
from config.desk import UNFOLD as UNFOLD
from config.embedded.folder import secret_key
from config.environment import (
    amount,
    env,
    fernet_keys,
    importable,
    networks,
    read_env_file,
    refuse,
    seconds,
    several_seconds,
    share,
    switch,
    text,
    whole,
    words,
)
from config.logs import configure_structlog, logging_settings
from config.telemetry import start_sentry

BASE_DIR = Path(__file__).resolve().parent.parent
read_env_file(Path(os.environ.get("COUNTERSIGN_ENV_FILE", BASE_DIR / ".env")))

# --- How it runs --------------------------------------------------------------------------------------------

DEBUG = switch("DEBUG", False)
# A folder with a database of its own: everything in one process, as `manage.py up` starts it.
EMBEDDED = bool(text("COUNTERSIGN_DATA"))
DATA_FOLDER = Path(text("COUNTERSIGN_DATA", str(BASE_DIR / "var"))).absolute()
# The demo brings the sample desk, its sign-ins and its stories. It is for trying out, never for production.
COUNTERSIGN_DEMO = switch("COUNTERSIGN_DEMO", EMBEDDED)

# --- Secrets and addresses ----------------------------------------------------------------------------------

SECRET_KEY = text("SECRET_KEY")
if not SECRET_KEY and (DEBUG or EMBEDDED):
    SECRET_KEY = secret_key(DATA_FOLDER)
if not SECRET_KEY:
    refuse(
        "SECRET_KEY is not set. Set it to 50 or more random characters "
        "(`openssl rand -hex 32` prints some), or try Countersign out with `make run`, which makes its own."
    )
if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5:
    refuse("SECRET_KEY is too easy to guess; it must be 50 or more random characters (`openssl rand -hex 32`).")

# What placeholders stand for is encrypted with the first of these; the others still open what was encrypted before.
COUNTERSIGN_VAULT_KEYS = fernet_keys("COUNTERSIGN_VAULT_KEYS")

ALLOWED_HOSTS = words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"] if DEBUG or EMBEDDED else [])
CSRF_TRUSTED_ORIGINS = words("CSRF_TRUSTED_ORIGINS")

# --- Applications -------------------------------------------------------------------------------------------

SAMPLE_DESK = "tools.examples.shop"
COUNTERSIGN_APPS = words("COUNTERSIGN_APPS")
for _app in COUNTERSIGN_APPS:
    if not importable(_app):
        refuse(f"COUNTERSIGN_APPS names {_app!r}, which can't be imported. Is its folder on PYTHONPATH?")
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_results",
    "config",
    "tools",
    "agents",
    "agents.outgoing",
    "review",
    *dict.fromkeys([*COUNTERSIGN_APPS, *([SAMPLE_DESK] if COUNTERSIGN_DEMO else [])]),
]
MIDDLEWARE = [
    "config.health.health",
    "config.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.content_security_policy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database, cache, broker --------------------------------------------------------------------------------

_own_database = f"sqlite:///{DATA_FOLDER / 'countersign.sqlite3'}"
_database_url = _own_database if EMBEDDED else text("DATABASE_URL", _own_database if DEBUG else "")
if not _database_url:
    refuse("DATABASE_URL is not set. Set it to the database's address, postgres://user:password@host:5432/countersign.")
DATABASES = {"default": database(_database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
_on_sqlite = DATABASES["default"]["ENGINE"] == SQLITE

REDIS_URL = "" if EMBEDDED else text("REDIS_URL")
CACHES: dict[str, dict[str, Any]] = {
    "default": (
        {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "countersign",
            "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 3},
        }
        if REDIS_URL
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    )
}

# --- The engine ---------------------------------------------------------------------------------------------

# Tasks that one worker process advances at once. They wait for models most of the time, hence so many.
COUNTERSIGN_SLOTS = whole("COUNTERSIGN_SLOTS", 16 if _on_sqlite else 500, at_least=1)
# A worker process keeps all its threads on one CPU, of which it uses one at most. Off: for tools that start programs of
# their own, which would have to make do with the same one.
COUNTERSIGN_ONE_CPU = switch("COUNTERSIGN_ONE_CPU", True)
# How long a worker owns a task without a sign of life, and works on it before others get their turn.
COUNTERSIGN_LEASE_SECONDS = seconds("COUNTERSIGN_LEASE_SECONDS", 30)
COUNTERSIGN_SLICE_SECONDS = seconds("COUNTERSIGN_SLICE_SECONDS", 5)
# For how many days a finished task is kept that nobody was asked about; 0 is for ever.
COUNTERSIGN_KEEP_TASKS_DAYS = whole("COUNTERSIGN_KEEP_TASKS_DAYS", 0)
# How many tasks of one agent, and of one submitter, run at once in all workers together; 0 is no limit.
COUNTERSIGN_RUNNING_PER_AGENT = whole("COUNTERSIGN_RUNNING_PER_AGENT", 0)
COUNTERSIGN_RUNNING_PER_SUBMITTER = whole("COUNTERSIGN_RUNNING_PER_SUBMITTER", 0)
# How often each worker looks for tasks that nobody was told of.
COUNTERSIGN_SWEEP_SECONDS = seconds("COUNTERSIGN_SWEEP_SECONDS", 1)
# How long after an action's deadline its first call may still be under way.
COUNTERSIGN_MARGIN_SECONDS = seconds("COUNTERSIGN_MARGIN_SECONDS", 10, at_least=0)
# The waits between attempts while a tool or a model is away; after the last one a person is asked.
COUNTERSIGN_BACKOFF_SECONDS = several_seconds("COUNTERSIGN_BACKOFF_SECONDS", [2, 10, 30])

# --- Models: what they may cost, and how fast they are asked ------------------------------------------------

# The limits of each kind of budget, in US dollars and in tokens. Not set is no limit.
COUNTERSIGN_BUDGETS = {
    scope: (amount(f"COUNTERSIGN_BUDGET_{name}_DOLLARS"), whole(f"COUNTERSIGN_BUDGET_{name}_TOKENS", 0) or None)
    for scope, name in (("task", "TASK"), ("submitter", "SUBMITTER_DAY"), ("agent", "AGENT_DAY"), ("all", "DAY"))
}
# Prices of models that nobody publishes one for, or your own: dollars for a million tokens, as JSON.
COUNTERSIGN_PRICES = text("COUNTERSIGN_PRICES")
# What all workers together send to a provider: calls at once, requests a minute, tokens a minute; 0 is no limit.
COUNTERSIGN_PROVIDER_LIMITS = {
    provider: (
        whole(f"{provider.upper()}_CALLS_IN_FLIGHT", 64),
        whole(f"{provider.upper()}_REQUESTS_PER_MINUTE", 0),
        whole(f"{provider.upper()}_TOKENS_PER_MINUTE", 0),
    )
    for provider in ("anthropic", "openai")
}
# The most that a model may say in one answer.
COUNTERSIGN_OUTPUT_TOKENS = whole("COUNTERSIGN_OUTPUT_TOKENS", 8000, at_least=100)
# Requests and answers in the ledger: full, redacted or none; and for how many days.
COUNTERSIGN_KEEP_MODEL_CALLS = text("COUNTERSIGN_KEEP_MODEL_CALLS", "full")
if COUNTERSIGN_KEEP_MODEL_CALLS not in {"full", "redacted", "none"}:
    refuse(f"COUNTERSIGN_KEEP_MODEL_CALLS is {COUNTERSIGN_KEEP_MODEL_CALLS!r}; say full, redacted or none.")
COUNTERSIGN_KEEP_MODEL_CALLS_DAYS = whole("COUNTERSIGN_KEEP_MODEL_CALLS_DAYS", 14)

# --- Mail to operators --------------------------------------------------------------------------------------

COUNTERSIGN_ALERTS_TO = words("COUNTERSIGN_ALERTS_TO")
DEFAULT_FROM_EMAIL = text("COUNTERSIGN_MAIL_FROM", "countersign@localhost")
# smtp://user:password@host:25, smtp+tls://… or smtp+ssl://…
if text("EMAIL_URL"):
    vars().update(env.email_url("EMAIL_URL"))
EMAIL_TIMEOUT = 10
if COUNTERSIGN_ALERTS_TO and not text("EMAIL_URL"):
    refuse("COUNTERSIGN_ALERTS_TO is set and EMAIL_URL is not, so that no mail could be sent.")
# --- What reviewers are told --------------------------------------------------------------------------------

# Where this desk is reached, for the links in notices: https://desk.example.org
COUNTERSIGN_URL = text("COUNTERSIGN_URL")
COUNTERSIGN_MAILS = bool(text("EMAIL_URL"))
# A request's sentence may say whom it is about: it leaves the house only where that is said here.
COUNTERSIGN_NOTICES_SAY = text("COUNTERSIGN_NOTICES_SAY", "kind")
if COUNTERSIGN_NOTICES_SAY not in {"kind", "sentence"}:
    refuse(f"COUNTERSIGN_NOTICES_SAY is {COUNTERSIGN_NOTICES_SAY!r}; say kind or sentence.")

# --- What leaves the house ----------------------------------------------------------------------------------

# Webhooks go to public addresses by TLS. Networks inside that may be called too, and without TLS, are named here.
COUNTERSIGN_OUTGOING_NETWORKS = networks("COUNTERSIGN_OUTGOING_NETWORKS")
# How long a target may take to answer.
COUNTERSIGN_WEBHOOK_SECONDS = seconds("COUNTERSIGN_WEBHOOK_SECONDS", 10)

# --- Celery: a message is only a hint that there is work ----------------------------------------------------

CELERY_BROKER_URL = REDIS_URL or "memory://localhost"
CELERY_BROKER_TRANSPORT = "config.broker:Transport" if REDIS_URL else None
CELERY_TASK_DEFAULT_QUEUE = "countersign"
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = COUNTERSIGN_SLOTS
# A hint is done with when it arrives: the database knows what is to do, and the sweeper sends another.
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
# Only housekeeping jobs ask for their results to be kept.
CELERY_RESULT_BACKEND = "django-db"
CELERY_WORKER_ENABLE_REMOTE_CONTROL = bool(REDIS_URL)
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# A web request that can't send its hint goes on without it; so it gives up after a second or two.
CELERY_BROKER_CONNECTION_TIMEOUT = 1
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {
        **CELERY_TASK_PUBLISH_RETRY_POLICY,
        "socket_connect_timeout": 1,
        "socket_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 25,
    }
    if REDIS_URL
    else {"polling_interval": 0.1}
)
if REDIS_URL.startswith("rediss:"):
    CELERY_BROKER_USE_SSL = {"ssl_cert_reqs": ssl.CERT_REQUIRED}

# --- The web: HTTPS everywhere, unless it is said that there is none ----------------------------------------

# For localhost and closed test networks. A proxy that ends TLS needs COUNTERSIGN_BEHIND_PROXY instead.
PLAIN_HTTP = EMBEDDED or switch("COUNTERSIGN_PLAIN_HTTP", DEBUG)
if switch("COUNTERSIGN_BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = not PLAIN_HTTP
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else whole("COUNTERSIGN_HSTS_SECONDS", 365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = not PLAIN_HTTP
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_NAME = "countersign_session"
SESSION_COOKIE_SECURE = not PLAIN_HTTP
SESSION_COOKIE_AGE = whole("COUNTERSIGN_SESSION_SECONDS", 12 * 3600, at_least=60)
CSRF_COOKIE_SECURE = not PLAIN_HTTP
X_FRAME_OPTIONS = "DENY"
# A goal of a megabyte may take three times that when a form encodes it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FILES = 10
# Preloading binds a whole domain for years: that promise is its owner's to make, not a default's.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Collected files carry a hash in their names and are cached for good; others come from the packages.
COLLECTED_STATIC = not (DEBUG or EMBEDDED)
STATIC_ROOT = BASE_DIR / "staticfiles" if COLLECTED_STATIC else None
WHITENOISE_USE_FINDERS = not COLLECTED_STATIC
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if COLLECTED_STATIC
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# --- The API ------------------------------------------------------------------------------------------------

# How often one key, or one person with a session, may call.
COUNTERSIGN_API_REQUESTS_PER_MINUTE = whole("COUNTERSIGN_API_REQUESTS_PER_MINUTE", 600, at_least=1)
# How many requests of one process may wait: event streams, and those that prefer an answer to a receipt. Each holds a
# thread, so half of them stay free.
COUNTERSIGN_WAITING_REQUESTS = whole("COUNTERSIGN_WAITING_REQUESTS", 4 if EMBEDDED else whole("WEB_THREADS", 32) // 2)

REST_FRAMEWORK = {
    # The first one's challenge goes out with a 401.
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "agents.api.authentication.ApiKeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["agents.api.parsers.JsonBody"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "agents.api.problems.answer_problem",
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Countersign",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    # The schema says nothing of anybody's data; who integrates may read it before they have a key.
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "agents.api.openapi.leave_out_what_may_be",
        "agents.api.openapi.close_bodies",
    ],
    "ENUM_NAME_OVERRIDES": {
        "TaskStatus": "agents.states.TaskStatus",
        "StepStatus": "agents.states.StepStatus",
        "ActionStatus": "agents.states.ActionStatus",
        "StepKind": "agents.states.StepKind",
        "CallStatus": "agents.models.ModelCall.Status",
        "ReviewStatus": "review.models.RequestStatus",
        "EventType": "agents.outgoing.catalogue.TYPES",
        "ReviewKind": "review.models.Kind",
    },
    # The page's scripts come from here and not from another address.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Logs and errors ----------------------------------------------------------------------------------------

LOG_LEVEL = text("LOG_LEVEL", "WARNING" if EMBEDDED else "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
    refuse(f"LOG_LEVEL is {LOG_LEVEL!r}; it must be DEBUG, INFO, WARNING, ERROR or CRITICAL.")
LOGGING = logging_settings(readable=DEBUG or EMBEDDED, level=LOG_LEVEL)
configure_structlog()
# Prompts and what tools were called with reach Sentry only if this is on.
SENTRY_CONTENT = switch("SENTRY_CONTENT", False)
if text("SENTRY_DSN"):
    start_sentry(
        text("SENTRY_DSN"),
        environment=text("SENTRY_ENVIRONMENT", "production"),
        traces=share("SENTRY_TRACES", 0.0),
        content=SENTRY_CONTENT,
    )
