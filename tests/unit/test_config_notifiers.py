"""Whoever is told of a loss must not be told by way of what is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.config_files import BACKUP, problems, settings

if TYPE_CHECKING:
    from pathlib import Path

LOCAL = BACKUP.replace("https://api.wawp.net", "http://127.0.0.1:9100")


@pytest.mark.parametrize(
    "url",
    [
        "jsons://s3cret@api.wawp.net/v2/send/text",
        "json://api.wawp.net:8443/s3cret",
        "xmls://API.wawp.net./?token=s3cret",
    ],
)
def test_an_address_at_a_configured_gateway_is_refused_without_being_told(tmp_path: Path, url: str) -> None:
    assert problems(tmp_path, f"{BACKUP}[notify]\nurls = ['tgram://1/2', '{url}']") == [
        "rejoin.toml:8: notify.urls.1: goes through a gateway of [[instances]], which may be what is lost"
    ]


@pytest.mark.parametrize(
    "url", ["whatsapp://s3cret@100/15550100001", "whatsapp://s3cret@100/9/?to=%2B15550100001"]
)
def test_whatsapp_to_a_number_that_owns_our_groups_is_refused(tmp_path: Path, url: str) -> None:
    text = f"{BACKUP}[allow_list]\nowners = ['+1 555 0100001']\n[notify]\nurls = ['{url}']"
    sentence = "tells a number of allow_list.owners by WhatsApp, which may be what is lost"
    assert problems(tmp_path, text) == [f"rejoin.toml:10: notify.urls.0: {sentence}"]


@pytest.mark.parametrize(
    "url",
    ["jsons://n8n.example.org/x", "tgram://1/2", "whatsapp://t@100/15550100999", "mailto://a:b@x.example"],
)
def test_other_ways_are_taken(tmp_path: Path, url: str) -> None:
    text = f"{BACKUP}[allow_list]\nowners = ['15550100001']\n[notify]\nurls = ['{url}']"
    assert len(settings(tmp_path, text).notify.urls) == 1


def test_on_loopback_only_the_same_port_is_the_same_gateway(tmp_path: Path) -> None:
    assert len(settings(tmp_path, f"{LOCAL}[notify]\nurls = ['json://127.0.0.1:9200']").notify.urls) == 1
    assert (
        "goes through a gateway"
        in problems(tmp_path, f"{LOCAL}[notify]\nurls = ['json://localhost:9100']")[0]
    )
