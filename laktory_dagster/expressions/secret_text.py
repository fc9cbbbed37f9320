"""References to secrets, as texts of a declaration hold them."""

from __future__ import annotations

import re

from laktory_dagster.errors import ExpressionError

SECRET = re.compile(r"\$\{\s*secrets\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_.-]+)\s*\}")
"""`${secrets.scope.key}`: the groups are scope and key."""

MASK = "***"
# What begins with digits and `/` is a port and a path, and no password with `/` in it.
_LOGIN = re.compile(
    r"\b(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<user>[^\s/?#@:]*)"
    r"(?P<word>:(?:[^\s/?#]*|(?!\d*/)[^\s@,`'\"]*))?@",
    re.IGNORECASE,
)
_QUERY = re.compile(r"(\bhttps?://[^\s?]*\?)(\S+)", re.IGNORECASE)
_PRIVATE = re.compile(
    r"((?:^|&)(?:[^&=]*(?:signature|token|secret|passw|credential|accesskey|apikey)[^&=]*"
    r"|(?:[^&=]*[-_.])?(?:sig|key|pwd|pass|auth|code))=)([^&#`'\"]+)",
    re.IGNORECASE,
)
"""What a query of a URL calls passwords, keys and signatures, and their values."""


def without_credentials(text: str) -> str:
    """Return a text with the passwords and the signatures in its URLs replaced by `***`.

    References to secrets stay: they are names.
    """
    if "://" not in text:
        return text
    text = _LOGIN.sub(_without_password, text)
    return _QUERY.sub(
        lambda found: found[1] + _PRIVATE.sub(lambda one: one[1] + _hidden(one[2]), found[2]), text
    )


def without_login(uri: str) -> str:
    """Return a path or a URL without the name and the password that stand before its host."""
    return _LOGIN.sub(
        lambda login: f"{login['scheme']}://" if _has_login(login) else login[0], uri, count=1
    )


def is_private(query: str) -> bool:
    """Return whether the query of a URL holds a password, a key or a signature."""
    return _PRIVATE.search(query) is not None


def _has_login(found: re.Match[str]) -> bool:
    # Of an address of the web the name alone is a token; of others it is a container.
    return found["word"] is not None or found["scheme"].lower() in ("http", "https")


def _without_password(login: re.Match[str]) -> str:
    scheme, user, word = login["scheme"], login["user"], login["word"]
    if word is not None:
        return f"{scheme}://{user}:{_hidden(word[1:])}@"
    return f"{scheme}://{_hidden(user) if _has_login(login) else user}@"


def _hidden(value: str) -> str:
    return value if SECRET.fullmatch(value) else MASK


def refuse_secrets(text: str) -> None:
    """Raise ExpressionError for a secret in the text of an expression or of SQL.

    Its value would be read as code, and shown with the plan of a query.
    """
    found = SECRET.search(text)
    if found is not None:
        raise ExpressionError(
            "a secret cannot stand in an expression or in SQL",
            expected="secrets in `path`, `storage_options`, the options of readers and writers, "
            "and as arguments in `func_args` and `func_kwargs`",
            hint="hand it to a function of the project as an argument",
            offset=found.start(),
        )
