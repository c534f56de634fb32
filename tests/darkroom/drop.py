# SPDX-License-Identifier: BSD-2-Clause
"""Drops a file on a window, as a file manager does: the source's side of the XDND protocol, version 5."""

import time
from pathlib import Path

from Xlib import X, display
from Xlib.protocol import event


class _Source:
    def __init__(self, name: str, target: int) -> None:
        self.display = display.Display(name)
        self.atom = self.display.intern_atom
        self.window = self.display.screen().root.create_window(0, 0, 1, 1, 0, X.CopyFromParent)
        self.window.set_selection_owner(self.atom("XdndSelection"), X.CurrentTime)
        self.target = self.display.create_resource_object("window", target)

    def tell(self, kind: str, *data: int) -> None:
        message = event.ClientMessage(window=self.target, client_type=self.atom(kind),
                                      data=(32, [self.window.id, *data]))
        self.target.send_event(message)
        self.display.flush()

    def hand_over(self, request: event.SelectionRequest, uri: str) -> None:
        asker = request.requestor
        asker.change_property(request.property, request.target, 8, f"{uri}\r\n".encode())
        asker.send_event(event.SelectionNotify(time=request.time, requestor=asker, selection=request.selection,
                                               target=request.target, property=request.property))
        self.display.flush()

    def answers(self, patience: float) -> list[event.SelectionRequest | event.ClientMessage]:
        """What came within a moment."""
        end = time.monotonic() + patience
        while self.display.pending_events() == 0 and time.monotonic() < end:
            time.sleep(0.01)
        return [self.display.next_event() for _ in range(self.display.pending_events())]


def drop_file(name: str, target: int, path: Path, patience: float = 60.0) -> None:
    """Over the window, ask whether it takes the file, drop, hand over its name; until the window says it is done."""
    source = _Source(name, target)
    source.tell("XdndEnter", 5 << 24, source.atom("text/uri-list"), 0, 0)
    source.tell("XdndPosition", 0, 300 << 16 | 300, X.CurrentTime, source.atom("XdndActionCopy"))
    end = time.monotonic() + patience
    while time.monotonic() < end:
        for answer in source.answers(1.0):
            if answer.type == X.SelectionRequest:
                source.hand_over(answer, path.as_uri())
            elif answer.type == X.ClientMessage and answer.client_type == source.atom("XdndStatus"):
                assert answer.data[1][1] & 1, "the window does not take files"
                source.tell("XdndDrop", 0, X.CurrentTime, 0, 0)
            elif answer.type == X.ClientMessage and answer.client_type == source.atom("XdndFinished"):
                return
    raise AssertionError(f"the window did not take {path}")
