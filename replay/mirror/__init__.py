"""A run's dated files, copied to a store that is elsewhere: a folder, or any object store that fsspec reaches.

    PUBLIC/2026/11/27/feed.jsonl        the public feed: everything in it was published
    PUBLIC/2026/11/27/412.head          the head that closes the date, and when it was seen outside (`tapewire anchor`)
    PRIVATE/2026/11/27/...              the day's folder: bars, signals, trades, account

The two go to stores of their own, because the second is nobody's business. A pass copies what has changed and ends; the daybook
makes one a minute, as a process of its own, so a store that is away delays nothing and the next pass brings what is missing.

An object store cannot append, so a file that grows is copied whole each time: when it is new, when it has doubled since, and when
its day is over. That is at most three times its final size in all. Files that are written anew while the day goes on
(performance.json, report.html) are copied when it is over.
"""
