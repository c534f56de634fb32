# SPDX-License-Identifier: BSD-2-Clause
"""GIMP with a configuration of its own, which knows the plug-in of this build and little else: it starts in seconds."""
from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from reference import BUILD, need

PLUGIN = BUILD / "plugins" / "gimp" / "gimp-colorizer"
OTHERS = ("script-fu", "file-png", "file-pnm")
SHORTCUTS = {"plug-in/plug-in-colorizer": "<Primary><Alt>j", "tools/tools-gegl": "<Primary><Alt>k"}
SECONDS = 300.0  # for what should take a few


class Refused(RuntimeError):
    """Script-Fu's own words."""


def configure(folder: Path) -> dict[str, str]:
    """Makes the configuration; returns the environment in which GIMP uses it."""
    installed = Path(subprocess.run(["pkg-config", "--variable=gimplibdir", "gimp-2.0"], capture_output=True, text=True,
                                    check=True).stdout.strip()) / "plug-ins"
    plugins = folder / "plug-ins"
    (plugins / PLUGIN.name).mkdir(parents=True)
    (plugins / PLUGIN.name / PLUGIN.name).symlink_to(PLUGIN)
    for name in OTHERS:
        (plugins / name).symlink_to(installed / name)
    (folder / "gimprc").write_text(f'(plug-in-path "{plugins}")\n')
    (folder / "menurc").write_text("".join(f'(gtk_accel_path "<Actions>/{k}" "{v}")\n' for k, v in SHORTCUTS.items()))
    return {**os.environ, "GIMP2_DIRECTORY": str(folder)}


class Gimp:
    """A running GIMP, and Script-Fu in it through the server that GIMP brings along."""

    def __init__(self, folder: Path, program: str = "gimp-console", options: tuple[str, ...] = ("-i", "-d"),
                 environment: Mapping[str, str] | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = f'(plug-in-script-fu-server RUN-NONINTERACTIVE "127.0.0.1" {port} "")'
        self._log = (folder / "gimp.log").open("w")
        self._process = subprocess.Popen([need(program), "-n", *options, "-f", "-b", server], stdin=subprocess.DEVNULL,
                                         env={**configure(folder / "gimp"), **(environment or {})}, cwd=folder,
                                         stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True)
        self.pid = self._process.pid
        end = time.monotonic() + SECONDS
        while True:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > end:
                    self.close()
                    raise
                time.sleep(0.1)

    def close(self) -> None:
        """Ends GIMP and its plug-ins: the server of Script-Fu would outlive it."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait(SECONDS)
        self._log.close()

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise EOFError("GIMP has ended")
            data += part
        return data

    def run(self, script: str) -> str:
        """What Script-Fu writes the script's value as."""
        text = script.encode()
        self._socket.sendall(b"G" + len(text).to_bytes(2, "big") + text)
        head = self._receive(4)
        answer = self._receive(int.from_bytes(head[2:], "big")).decode()
        if head[1] != 0:
            raise Refused(answer)
        return answer
