"""Reading history page by page, at the reader's pace.

A reader keeps at most `window` requests pending: that is the credit it grants, and the most that can queue towards it. Pages may
arrive twice or out of order; frames come out once and in order. The state machine below knows no socket: the shell sends what
`requests` returns, passes pages to `take`, and after a time-out sends what `resend` returns.
"""

from __future__ import annotations

from tapewire.bus.errors import PeerError
from tapewire.bus.messages import HistoryRequest, Page


class Pager:
    """Fetches one topic from record `start` to the end of the topic as the last page reported it.

    Later records reach the reader by its subscription, which it makes before the first request (PROTOCOL.md, "History").

    Args:
        topic: the topic, whole.
        start: first record wanted, from 0.
        chunk: records per request.
        window: pending requests at most.
    """

    def __init__(self, topic: str, *, start: int = 0, chunk: int = 500, window: int = 2) -> None:
        if start < 0 or chunk < 1 or window < 1:
            raise ValueError(f"start={start}, chunk={chunk}, window={window}: need start >= 0, chunk >= 1, window >= 1")
        self.topic = topic
        self.position = start  # the next record to come out
        self.done = False
        self._chunk = chunk
        self._window = window
        self._next = start  # the next record to request
        self._end: int | None = None  # as the newest page reported it
        self._pending: dict[str, HistoryRequest] = {}
        self._rest: list[HistoryRequest] = []  # what short pages left out, to be requested next
        self._pages: dict[int, tuple[bytes, ...]] = {}

    def requests(self) -> list[HistoryRequest]:
        """The requests to send now. Each is returned once; `resend` repeats those without a reply."""
        if not self._pending:  # the topic has grown since its last page: go on from there
            self._next = self.position
        new, self._rest = self._rest, []
        while not self.done and len(self._pending) < self._window and (self._end is None or self._next < self._end):
            # Pages held for an earlier one count against the credit too, or a lost page would let them pile up.
            if self._next >= self.position + self._chunk * self._window:
                break
            new.append(self._request(self._next, self._chunk))
            self._next += self._chunk
        return new

    def resend(self) -> list[HistoryRequest]:
        """The requests without a reply, with their old ids, oldest first. For use after a time-out."""
        return sorted(self._pending.values(), key=lambda request: request.start)

    def take(self, page: Page) -> list[bytes]:
        """The frames that this page makes available, in order. Empty for a duplicate, or for a page that came early.

        Raises:
            PeerError: the page has another topic or start than the request, more frames than requested, or none although the
                topic goes on.
        """
        request = self._pending.get(page.id)
        if request is None or self.done:
            return []
        starved = not page.frames and page.start < page.end
        if page.topic != request.topic or page.start != request.start or len(page.frames) > request.count or starved:
            raise PeerError(
                f"page {page.id!r} holds {len(page.frames)} frames of {page.topic!r} from {page.start} (its end: {page.end}), "
                f"requested were {request.count} of {request.topic!r} from {request.start}"
            )
        del self._pending[page.id]
        self._end = max(page.end, self._end or 0)
        if page.frames:
            self._pages[page.start] = page.frames
        after = page.start + len(page.frames)
        if len(page.frames) < request.count and after < self._end:  # cut short by the frame limit, or the topic has grown since
            self._rest.append(self._request(after, request.count - len(page.frames)))
        return self._release(self._end)

    def _request(self, start: int, count: int) -> HistoryRequest:
        request = HistoryRequest(f"{self.topic}[{start}:{start + count}]", self.topic, start, count)
        self._pending[request.id] = request
        return request

    def _release(self, end: int) -> list[bytes]:
        out: list[bytes] = []
        while self.position in self._pages:
            frames = self._pages.pop(self.position)
            out += frames
            self.position += len(frames)
        if self.position >= end:
            self.done = True
            self._pending.clear()
            self._rest.clear()
        return out
