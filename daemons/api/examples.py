"""Bodies of the OpenAPI document that work as they stand."""

from __future__ import annotations

from typing import Any

LEVELS: dict[str, float] = {
    "pdh": 21900.50,
    "pdl": 21720.25,
    "overnight_high": 21880.00,
    "overnight_low": 21750.50,
    "asia_high": 21870.25,
    "asia_low": 21765.00,
    "london_high": 21875.50,
    "london_low": 21760.00,
}
SIGNAL: dict[str, Any] = {
    "timestamp": "2026-02-19T10:31:00",
    "session_date": "2026-02-19",
    "instrument": "MNQ",
    "bar": {
        "open": 21850.25,
        "high": 21855.50,
        "low": 21847.00,
        "close": 21852.75,
        "volume": 1247,
        "delta": 89,
        "up_volume": 668,
        "down_volume": 579,
        "up_ticks": 423,
        "down_ticks": 389,
    },
    "cross_instruments": {
        "ES": {"open": 6120.50, "high": 6122.00, "low": 6119.25, "close": 6121.50, "volume": 3200, "delta": -45},
        "YM": {"open": 44150.0, "high": 44165.0, "low": 44140.0, "close": 44155.0, "volume": 890, "delta": 23},
    },
    "session_levels": {
        **LEVELS,
        "ib_high": 21860.00,
        "ib_low": 21795.00,
        "vwap": 21830.50,
    },
    "position": {"is_flat": True, "direction": None, "entry_price": None, "unrealized_pnl": 0.0},
}
NOTHING: dict[str, Any] = {
    "action": "NONE",
    "model": None,
    "strategy": None,
    "confidence": "normal",
    "entry_price": None,
    "stop_loss": None,
    "target": None,
    "position_size": 0,
    "reasoning": "the bus had no bar at this time, or it was too long ago",
    "day_type": None,
    "day_confidence": None,
    "of_quality": {"delta_pctl": None, "imbalance_ratio": None, "volume_spike": None, "score": 0},
    "code": "UNKNOWN_BAR",
    "id": "",
    "score": None,
    "valid_until_ns": None,
}
INIT: dict[str, Any] = {
    "session_date": "2026-02-19",
    "instrument": "MNQ",
    "premarket_levels": LEVELS,
}
SEND: dict[str, Any] = {"action": "buy", "instrument": "MNQ", "price": 21000.25, "tp_points": 40, "sl_points": 20}
GENERATE: dict[str, Any] = {
    "symbol": "MNQ",
    "bars": [
        {"timestamp": "2026-02-19T10:30:00", "open": 21850.0, "high": 21853.0, "low": 21848.5, "close": 21850.25, "volume": 1010},
        {"timestamp": "2026-02-19T10:31:00", "open": 21850.25, "high": 21855.5, "low": 21847.0, "close": 21852.75, "volume": 1247},
    ],
}
LICENSE: dict[str, Any] = {"license_key": "paul.0123456789abcdef"}
START: dict[str, Any] = {
    "strategy_id": "edge_fade",
    "account_id": "Sim101",
    "account_name": "Simulation",
    "symbol": "MNQH6",
    "ami_symbol": "MNQ",
    "scan_interval": 120,
    "alert_channels": ["log"],
    "trade_enabled": False,
    "trade_size": 1,
    "trade_timeout": 30,
}
