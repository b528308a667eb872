"""What every test begins with."""

from __future__ import annotations

from hypothesis import Phase, settings

# The same examples in every run: a change is judged by what it changes, not by luck.
# Fresh ones: pytest --hypothesis-profile default tests/core
settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
settings.load_profile("same")
