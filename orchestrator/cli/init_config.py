"""`rejoin init`, which makes what a first run needs, over nothing that is there; and `rejoin config`."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator import config_file
from orchestrator.cli.call import NOTHING_SAID, Call, flag
from orchestrator.cli.formatting import as_json, clean, plural
from orchestrator.cli.layout import whole
from orchestrator.cli.next_step import say_next
from orchestrator.domain.commands import Command, Operation
from orchestrator.domain.errors import ConfigurationError, UsageError
from orchestrator.store.keyring import WHEN_LOST, KeyRing

if TYPE_CHECKING:
    from orchestrator.config import DatabaseSettings, Settings


_DEFAULT_URL = "sqlite:///rejoin.db"
USUAL_GATEWAY = "wawp"
GATEWAY = flag(
    "gateway",
    "Where the accounts are linked: wawp, waha, evolution, gowa (else asked for).",
    metavar="NAME",
)
_TEMPLATE = """\
# Rejoin. Every key and its meaning: config.example.toml and docs/configuration.md.
# Paths are relative to this file. Any value may come from the environment: REJOIN_PACING__JOINS_PER_MINUTE=3

timezone = {zone} # for times on screen, such as "America/Sao_Paulo"

[database]
url = {url}
key_file = "rejoin.key"                 # encrypts the invite codes. Keep a copy of that file elsewhere

# Your accounts: take the # away and fill in. A primary is in daily use; a backup takes its place.
# Each token stands alone in its file: secrets/NAME.token, readable for you only.

# [[instances]]
# name = "sales-main"
# role = "primary"
# gateway = "{gateway}"
# base_url = "{address}"
# instance_id = ""                      # {account}
# access_token_file = "secrets/sales-main.token"    # {token}

# [[instances]]
# name = "backup-1"
# role = "backup"
# gateway = "{gateway}"
# base_url = "{address}"
# instance_id = ""
# access_token_file = "secrets/backup-1.token"

[pacing]
joins_per_minute = 4                    # 2 to 5
jitter = 0.2
"""

_NEXT = (
    "put your accounts into {config} and their tokens into {secrets}",
    "rejoin groups import groups.csv    columns: name, code; where known also jid, subject, owner, instances",
    "rejoin doctor                      is everything as it should be?",
    "rejoin plan                        what a recovery would do",
    "rejoin run                         the recovery",
)


async def init(
    *,
    database_url: Annotated[
        str,
        flag("database-url", "Where the state lives: sqlite:///FILE or postgresql://...", metavar="URL"),
    ] = _DEFAULT_URL,
    gateway: Annotated[str | None, GATEWAY] = None,
    call: Call = NOTHING_SAID,
) -> None:
    """Writes rejoin.toml, the key file and secrets/ (for you alone), makes and migrates the database.

    Asks which gateway your accounts are linked to, for the lines in the file. What is there already stays as
    it is; it may be called again at any time.

    Examples:
      rejoin init
      rejoin init --gateway waha
      rejoin init -c /etc/rejoin/rejoin.toml --database-url postgresql://rejoin@db/rejoin
    """
    made: list[str] = []
    config, settings = _configuration(call, database_url, gateway, made)
    secrets = _secrets_folder(config, made)
    made += await make_database(settings.database)
    _tell(call, settings, config=config, secrets=secrets, made=made)


def template(database_url: str = _DEFAULT_URL, *, gateway: str) -> str:
    """A configuration without accounts, in the computer's time zone."""
    from orchestrator.config import GATEWAYS  # noqa: PLC0415 - brings pydantic

    facts = GATEWAYS[gateway]
    token = facts.token if facts.needs_token else f"{facts.token}; leave this line out where there is none"
    return _TEMPLATE.format(
        url=json.dumps(database_url, ensure_ascii=False),
        zone=f'"{local_zone()}"'.ljust(32),
        gateway=gateway,
        address=facts.address,
        account=f"the {facts.account}",
        token=token,
    )


def which_gateway(call: Call, given: str | None) -> str:
    """As it is named in the configuration; asked for where somebody can be asked. Raises UsageError."""
    from orchestrator.config import GATEWAYS  # noqa: PLC0415 - brings pydantic

    known = ", ".join(GATEWAYS)
    if given is None:
        asked = call.ask(f"Which gateway ({known})", default=USUAL_GATEWAY) if call.may_ask else None
        given = asked or USUAL_GATEWAY
    if given.lower() not in GATEWAYS:
        raise UsageError(f"No gateway is called {clean(given)}.", hint=f"there are: {known}")
    return given.lower()


def _configuration(
    call: Call, database_url: str, gateway: str | None, made: list[str]
) -> tuple[Path, Settings]:
    from orchestrator.config import ConfigError, load  # noqa: PLC0415 - brings pydantic

    config = config_file.to_make(call.config, os.environ)
    is_new = False
    if not config.exists():
        text = template(database_url, gateway=which_gateway(call, gateway))
        config.parent.mkdir(parents=True, exist_ok=True)
        is_new = write_once(config, text)
    try:
        settings = load(config, os.environ)
    except ConfigError:
        if is_new:
            config.unlink()  # a refused --database-url leaves nothing behind
        raise
    if is_new:
        made.append(str(config))
    elif database_url != _DEFAULT_URL and not _same_database(settings, database_url):
        raise UsageError(
            f"{config} is there already and names another database; it is not overwritten.",
            hint="change database.url in it",
        )
    return config, settings


def _same_database(settings: Settings, url: str) -> bool:
    from pydantic import ValidationError  # noqa: PLC0415

    from orchestrator.config import DatabaseSettings  # noqa: PLC0415

    folder = settings.path.parent if settings.path else Path()
    try:
        asked = DatabaseSettings.model_validate({"url": url}, context={"folder": folder})
    except ValidationError:
        return False
    return asked.async_url == settings.database.async_url


def local_zone() -> str:
    """The computer's time zone by its name in the IANA database; UTC where it has none.

    Where it is said: tzset(3), localtime(5); Debian writes /etc/timezone as well.
    """
    linked = os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    with suppress(OSError, ValueError):
        linked = linked or Path("/etc/timezone").read_text(encoding="ascii").strip()
    for name in (os.environ.get("TZ", "").removeprefix(":"), linked.removeprefix("posix/")):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            if name:
                return ZoneInfo(name).key
    return "UTC"


def write_once(path: Path, text: str) -> bool:
    """A file for its owner alone; False if there is one already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return True


def _secrets_folder(config: Path, made: list[str]) -> Path:
    folder = config.parent / "secrets"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        made.append(f"{folder}/")
    return folder


def instance_table(
    name: str, role: str, gateway: str, base_url: str, instance_id: str, *, with_token: bool = True
) -> str:
    """The lines of one account; JSON writes what a TOML string takes, for what a person can type."""
    values = {"name": name, "role": role, "gateway": gateway, "base_url": base_url}
    values |= {"instance_id": instance_id}
    values |= {"access_token_file": f"secrets/{name}.token"} if with_token else {}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join(["", "[[instances]]", *lines, ""])


async def make_database(settings: DatabaseSettings) -> list[str]:
    """Database, schema and key file, as far as they are not there; returns what was made."""
    from orchestrator.bootstrap import open_database  # noqa: PLC0415 - brings SQLAlchemy
    from orchestrator.store import schema  # noqa: PLC0415
    from orchestrator.store.secrets import active_key  # noqa: PLC0415

    made: list[str] = []
    path = settings.sqlite_path
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if write_once(path, ""):
            made.append(str(path))
    async with open_database(settings) as database:
        if await schema.upgrade(database) and path is None:
            made.append(settings.safe_url)
        async with database.read() as connection:
            key_in_use = await active_key(connection)
    return made + _key_file(settings.key_file, key_in_use)


def _key_file(path: Path, key_in_use: str | None) -> list[str]:
    if path.exists():
        KeyRing.load(path)  # says so when it is damaged, or open to others
        return []
    if key_in_use is not None:
        raise ConfigurationError(
            f"{path}: there is no key file, but invite codes in the database are encrypted with one.",
            hint=f"restore it from your backup; {WHEN_LOST}",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    KeyRing.create(path)
    return [str(path)]


def _tell(call: Call, settings: Settings, *, config: Path, secrets: Path, made: list[str]) -> None:
    todo = [step.format(config=config, secrets=f"{secrets}/NAME.token") for step in _NEXT]
    if settings.instances:
        del todo[0]
    if call.json:
        call.out.answer_json(
            {"config": str(config), "database": settings.database.safe_url, "made": made, "next": todo}
        )
        return
    for path in made:
        call.out.answer(f"made  {clean(path)}")
    if not made:
        call.out.answer("Everything is there already; nothing was changed.")
    call.out.say("\nWhat is to be done:")
    for number, step in enumerate(todo, start=1):
        call.out.say(f"  {number}. \t{clean(step) if number == 1 else step}")
    first = "" if settings.instances else "your accounts in the configuration; then: "
    call.out.say(f"Next: {first}{whole('rejoin doctor')}")


def validate(*, call: Call = NOTHING_SAID) -> None:
    """Reads the file, the environment and the secret files, and reports every mistake with its line.

    Offline: nothing is sent anywhere. Exit code 78 when something is wrong.

    Examples:
      rejoin config validate
      rejoin config validate -c /etc/rejoin/rejoin.toml --json
    """
    settings = call.settings()
    file = settings.source.file
    primaries = plural(len(settings.primaries), "primary", "primaries")
    call.out.answer_either(
        {"valid": True, "file": file, "warnings": [clean(warning) for warning in settings.warnings]},
        f"{clean(file)} is valid: {primaries}, {plural(len(settings.backups), 'backup')}.",
    )
    say_next(call, Command(Operation.DOCTOR) if settings.backups else None)


def show(
    *,
    origin: Annotated[bool, flag("origin", "Say where each value came from.")] = False,
    call: Call = NOTHING_SAID,
) -> None:
    """Every value in effect, secrets masked.

    Examples:
      rejoin config show
      rejoin config show --origin
    """
    from orchestrator.config import effective  # noqa: PLC0415 - brings pydantic

    listed = effective(call.settings())
    if call.json:
        call.out.answer_json([{"key": one.key, "value": one.value, "origin": one.origin} for one in listed])
        return
    rows = [[clean(one.key), as_json(one.value, indent=None), clean(one.origin)] for one in listed]
    columns = 3 if origin else 2
    call.out.table([row[:columns] for row in rows], *("KEY", "VALUE", "FROM")[:columns])
