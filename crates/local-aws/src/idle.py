"""Execution environments of Lambda that wait for their next invocation, and are not woken for nothing meanwhile.

MiniStack asks each of them twenty times a second whether it is to end. Where there are a hundred of them these are
thousands of wake-ups a second, which the one lock of this interpreter hands out one by one: requests wait for it, more
environments are started since those that are there answer slowly, and they are woken too.

MiniStack is pinned to one version; `install` fails if a function that is replaced here is not there.
"""

import socketserver

from ministack.core.lambda_runtime import ProvidedWorker

# How late an environment's server may notice that it is to end, in seconds; an invocation is noticed at once.
SERVER_SECONDS = 1.0
# How late a thread may notice that its environment has ended, in seconds: nobody waits for it.
QUEUE_SECONDS = 10.0


class _Patient:
    """The queue of one environment."""

    def __init__(self, pending):
        self._pending = pending

    def get(self, timeout):
        return self._pending.get(timeout=max(timeout, QUEUE_SECONDS))


def _build_handler_class(self, generation, pending):
    return _original[_build_handler_class](self, generation, _Patient(pending))


def _serve_forever(self, poll_interval=0.5):
    _original[_serve_forever](self, max(poll_interval, SERVER_SECONDS))


_original = {}


def install():
    """Replaces MiniStack's functions."""
    for of, name, replacement in [
        (ProvidedWorker, "_build_handler_class", _build_handler_class),
        (socketserver.BaseServer, "serve_forever", _serve_forever),
    ]:
        _original[replacement] = getattr(of, name)
        setattr(of, name, replacement)
