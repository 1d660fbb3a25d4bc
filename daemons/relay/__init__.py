"""The relay: takes one tier's stream with a subscriber's key, and serves it on, byte for byte (PROTOCOL.md 15, "Relays")."""
