"""Features: what a model knows of a bar, computed from the tracker's sessions alone.

    stream = FeatureStream(["move_5_atr", "vwap_sigma"])
    stream.take(s)              # after each bar of the date: a value per name, NaN where it is missing

`FEATURES` is the only list. Each value depends on the sessions up to its bar and on nothing else, so that training, a backtest and
the live run have the same. FEATURES.md beside this package is made from the table.
"""

from tapewire.strategies.features.feature import Feature
from tapewire.strategies.features.stream import FEATURES, FeatureStream, digest

__all__ = ["FEATURES", "Feature", "FeatureStream", "digest"]
