"""What does Redis do as our broker? It carries hints: what was handed out is forgotten, and never brought back.

Kombu notes in Redis what each worker has in hand, and puts it back when a connection ends. It does so through the very
server that has just gone, and a worker in the middle of that ended itself with an AttributeError. Nobody misses a hint:
the database knows what is to do.
"""

from kombu.transport import redis


class Channel(redis.Channel):
    """What a worker has in hand is counted, so that it takes no more than it can use, and is known to it alone."""

    ack_emulation = False
    do_restore = False


class Transport(redis.Transport):
    Channel = Channel
