"""The harness of scripts/bench: builds, starts servers and loads, lets them take turns, and judges the results."""
