"""Post signals and results to Discord, Telegram, mail and a hundred other places: `python chat.py anna.key chat.toml`.

Needs pyzmq, msgpack and apprise. chat.toml, readable by you alone, because these addresses are secrets:

    to = ["discord://WEBHOOK_ID/WEBHOOK_TOKEN", "tgram://BOT_TOKEN/CHAT_ID"]

Each place is told by itself: one that fails stops no other.
"""

import sys
import tomllib

import apprise
import msgpack
from follow import stream


def text(topic, message):
    """A title and a sentence for a message; None for those that nobody wants to read."""
    name = message.get("contract") or message.get("instrument", "")
    if topic.startswith("public.signal."):
        prices = ", ".join(f"{what} {message[what]:g}" for what in ("entry", "stop", "target") if message[what] is not None)
        return f"{name}: {message['action']}", f"{message['strategy']} ({message['reason']}). {prices}"
    if topic.startswith("public.trade."):
        return f"{name}: closed", f"{message['strategy']} {message['direction']}, {message['ticks']:+} ticks ({message['reason']})"
    if topic.startswith("public.summary."):
        return f"{name}: {message['period']}", f"{message['trades']} trades, {message['ticks']:+} ticks"
    return None


if __name__ == "__main__":
    with open(sys.argv[1], "rb") as opened, open(sys.argv[2], "rb") as settings:
        key, places = tomllib.load(opened), tomllib.load(settings)["to"]
    chats = []
    for number, address in enumerate(places, 1):
        chats.append(apprise.Apprise())
        if not chats[-1].add(address):
            sys.exit(f"{sys.argv[2]}: place {number} is no address that apprise knows")
    for topic, frame, place in stream(key):
        told = text(topic, msgpack.unpackb(frame)) if place else None
        for number, chat in enumerate(chats if told else [], 1):
            if not chat.notify(title=told[0], body=told[1]):
                print(f"place {number} did not take it", file=sys.stderr, flush=True)
