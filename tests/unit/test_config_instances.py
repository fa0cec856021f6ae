from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from orchestrator.config import UnknownInstanceError, WawpOptions
from orchestrator.config.values import is_loopback_host
from tests.unit.config_files import BACKUP, problems, settings

if TYPE_CHECKING:
    from pathlib import Path

PRIMARY = BACKUP.replace("backup-1", "sales").replace('"backup"', '"primary"').replace("210987654321", "77")


def test_instances_are_found_by_name_and_by_role(tmp_path: Path) -> None:
    found = settings(tmp_path, PRIMARY + BACKUP)

    assert found.instance("backup-1") is found.backups[0]
    assert found.instance("Backup-1") is found.backups[0]
    assert [i.name for i in found.primaries] == ["sales"]
    with pytest.raises(
        UnknownInstanceError, match=r'no instance is called "x" \(configured: sales, backup-1\)'
    ):
        found.instance("x")


def test_what_is_missing_is_named_at_the_instances_header(tmp_path: Path) -> None:
    assert problems(tmp_path, "\n[[instances]]\nname = 'b.1'\n") == [
        "rejoin.toml:2: instances.b.1.role: is missing",
        "rejoin.toml:2: instances.b.1.base_url: is missing",
        "rejoin.toml:2: instances.b.1.instance_id: is missing",
        (
            "rejoin.toml:2: instances.b.1.access_token: is missing: give access_token_file, access_token, or"
            " REJOIN_INSTANCES__B_1__ACCESS_TOKEN"
        ),
    ]


@pytest.mark.parametrize("gateway", ["waha", "gowa"])
def test_gateways_that_may_stand_open_need_no_token(tmp_path: Path, gateway: str) -> None:
    text = BACKUP.replace("access_token =", "#").replace("role", f"gateway = '{gateway}'\nrole")

    assert settings(tmp_path, text).instances[0].access_token.get_secret_value() == ""


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "0", "x" * 64])
def test_good_names_are_taken(tmp_path: Path, name: str) -> None:
    assert settings(tmp_path, BACKUP.replace("backup-1", name)).instances[0].name == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "é", "a/b", "x" * 65, "a\\n"])
def test_bad_names_are_refused(tmp_path: Path, name: str) -> None:
    (found,) = problems(tmp_path, BACKUP.replace("backup-1", name))

    assert "must be 1 to 64 letters, digits" in found


@pytest.mark.parametrize(
    "value",
    [
        "YOUR_ACCESS_TOKEN",
        "your-token-here",
        "changeme",
        "Change_Me",
        "xxx",
        "XXXXXXXX",
        "********",
        "...",
        "<token>",
        "$TOKEN",
        "${TOKEN}",
        "todo",
    ],
)
@pytest.mark.parametrize("key", ["instance_id", "access_token"])
def test_an_examples_placeholder_left_in_place_is_refused(tmp_path: Path, key: str, value: str) -> None:
    text = BACKUP.replace("210987654321" if key == "instance_id" else "t0k3n-of-backup", value)
    (found,) = problems(tmp_path, text)

    assert f"instances.backup-1.{key}: is still an example's placeholder" in found


@pytest.mark.parametrize("value", ["xoxb-1", "yourself99", "abc123", "wawp-84729105", "Tx4Lsecret"])
def test_a_real_value_is_not_taken_for_a_placeholder(tmp_path: Path, value: str) -> None:
    assert settings(tmp_path, BACKUP.replace("t0k3n-of-backup", value)).instances


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("https://api.wawp.net", "https://api.wawp.net"),
        ("https://api.wawp.net", "https://API.wawp.net/"),
        ("https://gw.example/wawp/", "HTTPS://gw.example/wawp"),
    ],
)
def test_one_account_under_two_names_is_refused(tmp_path: Path, first: str, second: str) -> None:
    text = BACKUP.replace("https://api.wawp.net", first) + PRIMARY.replace(
        "https://api.wawp.net", second
    ).replace("77", "210987654321")

    assert problems(tmp_path, text) == [
        (
            "rejoin.toml:11: instances.sales.instance_id: is the same account as instances.backup-1 (line 5):"
            " each instance needs its own"
        )
    ]


def test_the_same_id_at_another_gateway_is_another_account(tmp_path: Path) -> None:
    other = PRIMARY.replace("77", "210987654321").replace("api.wawp.net", "api2.wawp.net")

    assert len(settings(tmp_path, BACKUP + other).instances) == 2


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("HTTPS://API.Wawp.net/", "https://api.wawp.net"),
        ("http://127.0.0.1:9100/Base//", "http://127.0.0.1:9100/Base"),
        ("http://[::1]:9100", "http://[::1]:9100"),
    ],
)
def test_a_base_url_is_kept_in_one_spelling(tmp_path: Path, given: str, kept: str) -> None:
    assert settings(tmp_path, BACKUP.replace("https://api.wawp.net", given)).instances[0].base_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.wawp.net",
        "//x",
        "ftp://x",
        "http://",
        "http://:80",
        "https://x:99999",
        "https://x y",
        "https://[::1",
        "https://u@x",
        "https://u:p@x",
        "https://x?a=1",
        "https://x?",
        "https://x#a",
        "https://..",
        "https://.x/y",
        "https://x..y",
        "https://ü..x",
        "https://x%00",
        "https://[:]",
        f"https://{'x' * 64}.org",
        "https://x\\ny",
    ],
)
def test_a_bad_base_url_is_refused(tmp_path: Path, url: str) -> None:
    (found,) = problems(tmp_path, BACKUP.replace("https://api.wawp.net", url))

    assert found.startswith("rejoin.toml:4: instances.backup-1.base_url: must ")


@pytest.mark.parametrize(
    ("tail", "options", "said"),
    [
        ("/v2", "", "/v2"),
        ("/V2/", "", "/v2"),
        ("/proxy/v2", "", "/v2"),
        ("/v2/groups", "", "/v2/groups"),
        ("/v2/session/info", "", "/v2/session/info"),
        ("/wp-json/awp/v1", 'wawp.probe_path = "/wp-json/awp/v1/join-info"', "/wp-json/awp/v1"),
        ("/own", 'wawp.paths.leave = "/own/{id}"', "/own"),
    ],
)
def test_an_address_that_says_the_beginning_of_a_path_twice_is_refused(
    tmp_path: Path, tail: str, options: str, said: str
) -> None:
    (found,) = problems(tmp_path, f"{BACKUP.replace('api.wawp.net', f'api.wawp.net{tail}')}\n{options}")

    assert found.startswith(f"rejoin.toml:4: instances.backup-1.base_url: must not end in {said},")


@pytest.mark.parametrize("tail", ["", "/proxy", "/v2/proxy", "/v22", "/gateway/wawp"])
def test_an_address_with_a_path_of_its_own_is_taken(tmp_path: Path, tail: str) -> None:
    url = f"https://api.wawp.net{tail}"
    assert settings(tmp_path, BACKUP.replace("https://api.wawp.net", url)).instances[0].base_url == url


def test_plain_http_to_another_machine_is_warned_of(tmp_path: Path) -> None:
    (warning,) = settings(tmp_path, BACKUP.replace("https", "http")).warnings

    assert warning.line == 4
    assert warning.message == "http sends the token unencrypted over the network: use https"


def test_plain_http_on_this_machine_is_not_warned_of(tmp_path: Path) -> None:
    assert settings(tmp_path, BACKUP.replace("https://api.wawp.net", "http://localhost:1")).warnings == ()


def test_wawp_options_of_another_gateway_are_warned_of(tmp_path: Path) -> None:
    (warning,) = settings(tmp_path, BACKUP + "gateway = 'waha'\nwawp = { auth = 'header' }").warnings

    assert (warning.line, warning.key) == (8, "instances.backup-1.wawp")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("probe_path = 'v2'", "probe_path: must be a URL path beginning with /"),
        ("join_path = '/v2?x=1'", "join_path: must be a URL path beginning with /"),
        ("join_path = '/v2/{id}'", "join_path: must not hold {id}"),
        ("paths = { group = '/v2' }", "paths.group: must hold {id}"),
        ("paths = { leave = '/v2/{id}/{x}' }", "paths.leave: must be a URL path"),
        ("code_parameter = 'a b'", "code_parameter: must match"),
        ("auth = 'heaer'", "auth: must be one of body, header"),
        ("paths = { groups_ = '/' }", "paths.groups_: unknown key. Did you mean groups?"),
    ],
)
def test_wrong_wawp_options_are_refused(tmp_path: Path, options: str, sentence: str) -> None:
    (found,) = problems(tmp_path, f"{BACKUP}wawp = {{ {options} }}")

    assert found.startswith(f"rejoin.toml:7: instances.backup-1.wawp.{sentence}")


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    found = settings(tmp_path, BACKUP)

    with pytest.raises(ValidationError, match="frozen"):
        setattr(found.instances[0].wawp, "auth", "header")  # noqa: B010 - a plain assignment would not pass mypy
    assert WawpOptions().paths.group == "/v2/groups/{id}"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("", False),
        ("0.0.0.0", False),  # noqa: S104 - nothing is bound
        ("::", False),
        ("128.0.0.1", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("127.1", False),
    ],
)
def test_loopback_is_told_from_what_only_looks_like_it(host: str, expected: bool) -> None:
    assert is_loopback_host(host) is expected


class TestClockSpeed:
    LOCAL = BACKUP.replace("https://api.wawp.net", "http://127.0.0.1:9100")

    def test_it_is_one_unless_said_otherwise(self, tmp_path: Path) -> None:
        assert settings(tmp_path, BACKUP).clock_speed == 1
        assert settings(tmp_path, BACKUP, {"REJOIN_CLOCK_SPEED": "1.0"}).clock_speed == 1
        assert settings(tmp_path, BACKUP, {"REJOIN_CLOCK_SPEED": ""}).clock_speed == 1

    def test_on_loopback_it_may_be_anything_above_zero(self, tmp_path: Path) -> None:
        assert settings(tmp_path, self.LOCAL, {"REJOIN_CLOCK_SPEED": "60"}).clock_speed == 60
        assert settings(tmp_path, "", {"REJOIN_CLOCK_SPEED": "0.5"}).clock_speed == 0.5

    @pytest.mark.parametrize("speed", ["60", "1.01", "0.5"])
    def test_it_is_refused_as_soon_as_one_account_is_not_on_loopback(
        self, tmp_path: Path, speed: str
    ) -> None:
        text = self.LOCAL + PRIMARY
        (found,) = problems(tmp_path, text, {"REJOIN_CLOCK_SPEED": speed})

        assert found.startswith(
            f"REJOIN_CLOCK_SPEED (environment): must be 1 (got {speed}): instances.sales is not on"
        )

    def test_it_is_refused_for_an_address_that_cannot_be_read(self, tmp_path: Path) -> None:
        found = problems(tmp_path, self.LOCAL.replace("http:", "htp:"), {"REJOIN_CLOCK_SPEED": "60"})

        assert found[-1].startswith("REJOIN_CLOCK_SPEED (environment): must be 1 (got 60)")

    def test_an_address_from_the_environment_counts(self, tmp_path: Path) -> None:
        environ = {"REJOIN_CLOCK_SPEED": "60", "REJOIN_INSTANCES__BACKUP_1__BASE_URL": "https://api.wawp.net"}

        assert (
            "instances.backup-1 is not on this machine's loopback"
            in problems(tmp_path, self.LOCAL, environ)[0]
        )

    @pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf", "fast"])
    def test_nonsense_is_refused(self, tmp_path: Path, speed: str) -> None:
        assert problems(tmp_path, self.LOCAL, {"REJOIN_CLOCK_SPEED": speed}) == [
            "REJOIN_CLOCK_SPEED (environment): must be a number above 0"
        ]
