"""Where the bars of a run come from."""
