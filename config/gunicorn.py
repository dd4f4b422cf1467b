"""How does gunicorn serve the web in production? `gunicorn -c python:config.gunicorn config.wsgi`."""

from config.environment import text, whole

bind = text("BIND", "0.0.0.0:8000")
worker_class = "gthread"
workers = whole("WEB_CONCURRENCY", 2, at_least=1)
threads = whole("WEB_THREADS", 32, at_least=1)
# Loaded once, before the workers: a settings mistake ends the start instead of restarting workers for ever.
preload_app = True
timeout = 60
graceful_timeout = 30
keepalive = 5
# Heartbeats of the workers go to memory: on a disk a slow write would look like a hung worker.
worker_tmp_dir = "/dev/shm"  # noqa: S108
# Signals stop and reload it; a socket for that is one door too many, and needs a home folder to lie in.
control_socket_disable = True
# Our own log line for each request says the same, and more.
accesslog = None
errorlog = "-"
