"""Which settings do pages need when they are asked for inside the bench? Production's, with no collected files."""

from config.settings import *  # noqa: F403
from config.settings import STORAGES

STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
COLLECTED_STATIC = False
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
