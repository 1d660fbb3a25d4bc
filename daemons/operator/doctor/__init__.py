"""The doctor checks every hop, file, port and clock between NinjaTrader and the journal, and gives a remedy for each broken one."""
