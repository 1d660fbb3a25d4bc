"""The doctor: every hop, file, port and clock between NinjaTrader and the journal, each with what to do where it is broken."""
