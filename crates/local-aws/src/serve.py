"""Serves MiniStack on a free loopback port, for as long as somebody holds the other end of stdin.

Argument: the file that shall receive the port's number. Everything else comes from the environment.
"""

import asyncio
import os
import signal
import socket
import sys
import threading
import time


def end_with_parent():
    """However our parent ends, the pipe closes; then this process and the Lambdas it started go too."""
    while os.read(0, 4096):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(2)
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=end_with_parent, daemon=True).start()

listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
listener.bind(("127.0.0.1", 0))
listener.listen(512)

from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack.app import app  # noqa: E402

import aws_side  # noqa: E402
import conditions  # noqa: E402
import idle  # noqa: E402
import logs  # noqa: E402
import messages  # noqa: E402

aws_side.install()
conditions.install()
idle.install()
logs.install()
messages.install()

config = Config()
config.keep_alive_timeout = 75
config.loglevel = "WARNING"

port_file = sys.argv[1]
with open(port_file + ".new", "w", encoding="ascii") as file:
    file.write(str(listener.getsockname()[1]))
os.rename(port_file + ".new", port_file)

config.bind = [f"fd://{listener.detach()}"]
asyncio.run(serve(app, config))
