"""Where allauth's sign-in meets this stage: lockout, no public sign-up, audit, encrypted secrets."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from yipan.access import audit, lockout
from yipan.access.errors import LockedOut
from yipan.access.models import User
from yipan.access.queries import sign_in_home


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Counts attempts in the database before the password is looked at, and audits each sign-in."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": _(
            "The sign-in name and the password do not belong together."
        ),
    }

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count the attempt; refuse it where the door is closed."""
        try:
            lockout.begin_attempt(
                account=credentials.get("username", ""),
                address=self.get_client_ip(request),
                at=request.now,  # type: ignore[attr-defined]
            )
        except LockedOut as fault:
            raise ValidationError(str(fault), code=fault.code) from fault

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Return the person whose password this is, or None; a right one takes its attempt back."""
        user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        if user is not None:
            lockout.attempt_succeeded(
                account=credentials.get("username", ""),
                address=self.get_client_ip(request),
                at=request.now,  # type: ignore[attr-defined]
            )
        return user

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """Audit the sign-in, after the last factor."""
        with transaction.atomic():
            audit.record(
                event="person.signed_in",
                at=request.now,  # type: ignore[attr-defined]
                actor=user,
                object_type="person",
                object_id=user.pk,
            )
        response: HttpResponse = super().post_login(request, user, **kwargs)
        return response

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Begin where the person's role begins its day."""
        return sign_in_home(request.user, at=request.now)  # type: ignore[attr-defined,arg-type]

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing in passing: the page after shows what has changed."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by an administrator, never by whoever comes by."""
        return False


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Keeps the secrets of authenticator apps encrypted with the installation's key."""

    def encrypt(self, text: str) -> str:
        """Return `text` as it is kept in the database."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret that `encrypt` was given."""
        return _box().decrypt(encrypted_text.encode()).decode()


def _box() -> Fernet:
    key = hashlib.sha256(b"yipan second factor " + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
