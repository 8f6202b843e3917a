"""Second-factor forms under the same lockout as passwords."""

from __future__ import annotations

from allauth.account.adapter import get_adapter
from allauth.core import context
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from django.core.exceptions import ValidationError

from yipan.access import lockout
from yipan.access.errors import LockedOut


class _CountedCode:
    """Counts a code tried against the account and the address, as a password is counted."""

    def clean_code(self) -> str:
        """Return the code where it is right; a wrong one stays counted."""
        request = context.request
        door = {
            "account": f"second factor of {self.user.username}",  # type: ignore[attr-defined]
            "address": get_adapter().get_client_ip(request),
        }
        try:
            lockout.begin_attempt(**door, at=request.now)
        except LockedOut as fault:
            raise ValidationError(str(fault), code=fault.code) from fault
        code: str = super().clean_code()  # type: ignore[misc]
        lockout.attempt_succeeded(**door, at=request.now)
        return code


class SecondFactorForm(_CountedCode, AuthenticateForm):  # type: ignore[misc]
    """The code asked for after the password."""


class SecondFactorAgainForm(_CountedCode, ReauthenticateForm):  # type: ignore[misc]
    """The code asked for again before a grave act."""
