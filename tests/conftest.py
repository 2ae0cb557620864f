"""Random tests draw the same examples in every run: a commit is judged by what it changes.

`pytest --hypothesis-profile=new-examples` looks for what nobody has seen yet. Tests with a seed of their own draw anew.
"""

from hypothesis import settings

settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("new-examples", derandomize=False, deadline=None)
settings.load_profile("steady")
