"""The verdict on a trading day: it is decided again from what was recorded, and every message is compared with what was published.

    record       what a run's folder holds: its epochs, its journal and the gate's logs, read from the files
    again        the same folds as a daemon's recovery, in this process: what each core gives to its recorded inputs
    comparison   the first message that differs, and the messages that led to it
    versions     which code and settings the day ran with, and which there are now
    causes       why a message differs: code, settings, a bar, a lost bar, a fill, or the record itself
    bars         each bar's way from the bridge's number to its decision (`tapewire prove`)
    fills        the venue's fills beside those of the simulated venue
    verdict      all of it for one date; text says it in words
    evening      the daybook lets another process judge a day that is over, and raises an alarm

Each daemon is judged by its own inputs: the tracker by the bars, the evaluator by the sessions and decisions, the gate by its log,
with the venue's words, the operator's commands and the external signals as they came. If every output equals what was published,
the whole chain gave what these bars and words must give.
"""
