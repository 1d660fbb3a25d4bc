"""The simulated venue: what a run has in NinjaTrader's place. docs/fills.md says what each order gets under each model.

rules     the fill models as data, with the options of a run
book      one instrument: working orders, and contracts with their brackets
matching  what a bar does to them
reports   order updates and executions, with their ids
core      the venue: bars and orders in, order updates and executions out
stated    the rules of a run in words, with those that flatter
"""
