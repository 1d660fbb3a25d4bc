"""The documentation site: its own pages, the documents that stand beside what they describe, and a page for each command.

`make docs` builds it. `pages.py` says which pages there are and writes them as plain Markdown, `program.py` describes the commands
as the program has them, and MkDocs makes the site of both.
"""
