"""For all tests: hypothesis measures no time (a busy machine is not a bug) and prints how to get a failure again."""

from hypothesis import settings

settings.register_profile("tapewire", deadline=None, print_blob=True)
settings.load_profile("tapewire")
