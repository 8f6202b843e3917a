"""The pages of access, by noun: the door, one's own account, people, incidents, the audit."""

from yipan.access.signing import signed_in

__all__ = ["signed_in"]
