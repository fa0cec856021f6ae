"""The kinds of value a configuration holds, each with its check.

A check raises ValueError with a sentence that never repeats the value: whoever reports it knows
whether it may be shown.
"""

from __future__ import annotations

import ipaddress
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, unquote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    Strict,
    ValidationInfo,
)

from orchestrator.domain.redaction import looks_like_code

UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SHORTEST_SECRET = 16
LONGEST_DURATION = 366 * 86400.0
_DURATION = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?\s*[smhd]\s*)+|[0-9]+(?:\.[0-9]+)?")
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
_DURATION_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)")

Number = Annotated[float, Strict()]
Whole = Annotated[int, Strict()]
YesNo = Annotated[bool, Strict()]


@dataclass(frozen=True, slots=True)
class InSeconds:
    """Marks a float that is a duration."""


def parse_duration(value: object) -> float:
    """Seconds from `"60s"`, `"10m"`, `"2h"`, `"1d"`, `"1h30m"`, or a bare number of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return math.inf
    if isinstance(value, str) and _DURATION.fullmatch(value.strip()):
        return sum(float(n) * UNIT_SECONDS[unit or "s"] for n, unit in _DURATION_PART.findall(value))
    raise ValueError('must be a duration such as "60s", "10m", "2h" or "1d"')


def format_duration(seconds: float) -> str:
    """The shortest exact spelling: 60 is `1m`, 90 is `90s`; `parse_duration` reads it back."""
    for unit in ("d", "h", "m"):
        count = seconds / UNIT_SECONDS[unit]
        if count >= 1 and count.is_integer():
            return f"{count:.0f}{unit}"
    return f"{seconds:.0f}s" if seconds.is_integer() else f"{seconds}s"


def at_least(shortest: float, longest: float = LONGEST_DURATION) -> BeforeValidator:
    """A duration in seconds within bounds, both included."""

    def check(value: object) -> float:
        seconds = parse_duration(value)
        if not math.isfinite(seconds) or seconds > longest:
            raise ValueError(f"must be at most {format_duration(longest)}")
        if seconds < shortest:
            raise ValueError(f"must be at least {format_duration(shortest)}")
        return seconds

    return BeforeValidator(check)


def check_instance_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError(
            "must be 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit"
        )
    return value


def is_host(word: str) -> bool:
    """A name, also an internationalised one, or an address; IPv6 without its brackets."""
    if ":" in word:
        return _is_address(word)
    if any(sign.isdigit() and not sign.isascii() for sign in word):  # IDNA makes `１２７.0.0.1` an address
        return False
    try:
        return len(word) <= 253 and _HOST_NAME.fullmatch(word.encode("idna").decode()) is not None
    except UnicodeError:  # an empty label, or one of more than 63 characters
        return False


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True


def split_url(value: str) -> SplitResult:
    """An http(s) URL with a host and a sound port. Raises ValueError."""
    if not value.isprintable() or " " in value:
        raise ValueError("must be a URL without spaces or control characters")
    try:
        parts = urlsplit(value)
        sound = parts.scheme in {"http", "https"} and is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        sound = False
        parts = SplitResult("", "", "", "", "")
    if not sound:
        raise ValueError("must be an http:// or https:// URL with a host")
    return parts


def secret_parts(url: str) -> list[str]:
    """What in an address may be its secret: the password, and every longer word that nobody would write.

    The host counts where it is none: Apprise has addresses such as `tgram://TOKEN/CHAT`.
    """
    scheme, _, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    who = authority.rpartition("@")[0]
    if scheme in {"http", "https"}:
        rest = who + slash + path
    words = {word for word in re.split(r"[/?&=:@#;,]+", rest) if len(word) >= 12}
    written = {form for word in words for form in (word, unquote(word)) if looks_like_code(form)}
    password = who.partition(":")[2]
    return sorted(form for form in written | {password, unquote(password)} if form)


def normal_base_url(value: str) -> str:
    """Scheme and host in lower case, no trailing slash. Raises ValueError."""
    parts = split_url(value)
    if "@" in parts.netloc:
        raise ValueError("must not carry a user name or password; the token has a key of its own")
    if "?" in value or "#" in value:
        raise ValueError("must not carry a query or a fragment")
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/")).geturl()


def is_loopback_host(host: str) -> bool:
    """127.0.0.0/8, ::1 and `localhost`; a name that merely resolves there does not count."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_token(value: str) -> str:
    if any(not c.isprintable() or c.isspace() for c in value):
        raise ValueError("must not hold spaces, line breaks or control characters")
    if not value.isascii():  # no header carries it, and gateways give out none
        raise ValueError("must hold only ASCII characters: letters without accents, digits and signs")
    return value


def refuse_placeholder(value: str) -> str:
    """An example's stand-in, left in place, would be sent to the gateway as if it were real."""
    bare = re.sub(r"[^a-z0-9]", "", value.lower())
    if value and (
        not bare or bare in _PLACEHOLDERS or _LOOKS_LIKE_EXAMPLE.match(value) or set(bare) == {"x"}
    ):
        raise ValueError("is still an example's placeholder: put the real value here")
    return value


_PLACEHOLDERS = frozenset(
    {
        "accesstoken",
        "apikey",
        "changeit",
        "changeme",
        "example",
        "fixme",
        "password",
        "placeholder",
        "replaceme",
        "secret",
        "tbd",
        "todo",
    }
)
_LOOKS_LIKE_EXAMPLE = re.compile(
    r"(?:your|my|enter|insert|put|replace)[-_ ]|<.*>$|\$\{?\w+\}?$", re.IGNORECASE
)


def check_secret(secret: SecretStr) -> SecretStr:
    refuse_placeholder(secret.get_secret_value())
    return secret


def check_secret_token(secret: SecretStr) -> SecretStr:
    refuse_placeholder(check_token(secret.get_secret_value()))
    return secret


def check_length(secret: SecretStr) -> SecretStr:
    """A short secret is found by trying; `whsec_` only says what follows (Standard Webhooks)."""
    value = secret.get_secret_value()
    if value and len(value.removeprefix("whsec_")) < SHORTEST_SECRET:
        raise ValueError(f"must have at least {SHORTEST_SECRET} characters: openssl rand -hex 16 makes some")
    return secret


def check_secret_url(secret: SecretStr) -> SecretStr:
    if secret.get_secret_value():
        split_url(secret.get_secret_value())
    return secret


def check_account_id(value: str) -> str:
    if not value:
        raise ValueError("must not be empty")
    return refuse_placeholder(check_token(value))


def normal_phone(value: str) -> str:
    """Digits only, in international form: `+49 (151) 234-5678` is `491512345678`."""
    from orchestrator.domain.phones import read_phone  # noqa: PLC0415 - brings the tables of folding

    number = read_phone(value)
    if number is None:
        raise ValueError('must be a phone number with its country code, such as "+49 151 2345678"')
    return number


def known_zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    if not isinstance(value, str):
        raise ValueError('must be a time zone name in quotes, such as "Europe/Berlin"')  # noqa: TRY004 - pydantic reports ValueError, not TypeError
    try:
        return ZoneInfo(value)
    # RecursionError: tzdata is searched one package a slash deep, however many there are.
    except (LookupError, ValueError, OSError, RecursionError):
        raise ValueError(
            'is not a time zone that this machine knows (a name such as "Europe/Berlin")'
        ) from None


def check_public_url(value: str) -> str:
    """Where gateways reach us: `https://host[:port][/path]`, without a slash at its end; empty: not told."""
    if not value:
        return ""
    parts = split_url(value)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError('must be an address such as "https://rejoin.example.org"')
    return value.rstrip("/")


def check_listen(value: str) -> str:
    host, colon, port = value.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if (
        not colon
        or not is_host(bare)
        or not port.isascii()
        or not port.isdigit()
        or len(port) > 5
        or int(port) > 65535
        or (":" in bare) != (host != bare)
    ):
        raise ValueError('must be an address and a port, such as "127.0.0.1:8080" or "[::1]:8080"')
    return value


def check_greeting(value: str) -> str:
    from jinja2 import TemplateError  # noqa: PLC0415 - for those only who have words of their own

    from orchestrator.greeting_template import check  # noqa: PLC0415 - the same

    try:
        check(value)
    except TemplateError as error:
        raise ValueError(f"must be a template that can be filled in: {error}") from None
    except RecursionError:
        raise ValueError("must be a template that can be filled in: it is nested too deep") from None
    return value


def check_cron(value: str) -> str:
    """Five fields as Debian's cron has them, which come due at some time; or nothing."""
    fields = value.split()
    if not fields:
        return ""
    if len(fields) != 5 or not all(re.fullmatch(r"[0-9A-Za-z*/,#-]{1,200}", field) for field in fields):
        raise ValueError(_NO_CRON)
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - for those only who have a schedule

    try:
        coming = next(CronSim(" ".join(fields), datetime.now(UTC)), None)
    except (CronSimError, ValueError) as error:
        raise ValueError(f"{_NO_CRON}: {str(error).lower()}") from None
    if coming is None:
        raise ValueError("must be a cron expression that comes due at some time")
    return " ".join(fields)


_NO_CRON = 'must be a cron expression of five fields, such as "0 6 * * *", or empty'


def check_path_template(value: str) -> str:
    if not re.fullmatch(r"/(?:[A-Za-z0-9._~/-]|\{id\})*", value):
        raise ValueError("must be a URL path beginning with / (no query); {id} stands for the group")
    return value


def check_group_path(value: str) -> str:
    if "{id}" not in value:
        raise ValueError("must hold {id}, which stands for the group")
    return check_path_template(value)


def check_plain_path(value: str) -> str:
    if "{id}" in value:
        raise ValueError("must not hold {id}: it does not speak of one group")
    return check_path_template(value)


def beside_config(value: object, info: ValidationInfo) -> Path:
    """A path, relative to the configuration file's folder (context `folder`, else the working folder)."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        raise ValueError("must be a path in quotes")
    return folder_of(info) / value


def folder_of(info: ValidationInfo) -> Path:
    context: dict[str, Any] = info.context or {}
    folder = context.get("folder")
    return folder if isinstance(folder, Path) else Path.cwd()


InstanceName = Annotated[str, AfterValidator(check_instance_name)]
AccountId = Annotated[str, AfterValidator(check_account_id)]
BaseUrl = Annotated[str, AfterValidator(normal_base_url)]
Secret = Annotated[SecretStr, AfterValidator(check_secret)]
SecretToken = Annotated[SecretStr, AfterValidator(check_secret_token)]
LongSecret = Annotated[Secret, AfterValidator(check_length)]
LongSecretToken = Annotated[SecretToken, AfterValidator(check_length)]
SecretUrl = Annotated[SecretStr, AfterValidator(check_secret_url)]
Phone = Annotated[str, AfterValidator(normal_phone)]
Zone = Annotated[ZoneInfo, BeforeValidator(known_zone), PlainSerializer(str)]
Listen = Annotated[str, AfterValidator(check_listen)]
Cron = Annotated[str, AfterValidator(check_cron)]
GreetingText = Annotated[str, Field(min_length=1, max_length=4096), AfterValidator(check_greeting)]
PlainPath = Annotated[str, AfterValidator(check_plain_path)]
GroupPath = Annotated[str, AfterValidator(check_group_path)]
PathBeside = Annotated[Path, BeforeValidator(beside_config)]
