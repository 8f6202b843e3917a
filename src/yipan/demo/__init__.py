"""The demo province: drives the whole loop through the stages' own public actions, on real counts."""
