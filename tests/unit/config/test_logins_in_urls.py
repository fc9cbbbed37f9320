"""Passwords and signatures that stand in URLs themselves are shown nowhere."""

from __future__ import annotations

import pytest

from laktory_dagster import models
from laktory_dagster.config.secrets import mask, mask_known
from laktory_dagster.errors import RunFailedError
from laktory_dagster.plan.explain import explain_json, explain_text
from tests.unit.plan.declaring import node_with, plan_from, with_step

# What is written, what is shown.
URLS = [
    ("https://ann:canary@host/a.csv", "https://ann:***@host/a.csv"),
    ("https://ann:ca@nary@host/a.csv", "https://ann:***@host/a.csv"),
    ("https://canary@host/a.csv", "https://***@host/a.csv"),
    ("HTTP://:canary@host/", "HTTP://:***@host/"),
    ("s3://id:canary@bucket/k", "s3://id:***@bucket/k"),
    ("s3://id:can/ary@bucket/k", "s3://id:***@bucket/k"),
    ("postgresql://ann:canary@host:5432/db", "postgresql://ann:***@host:5432/db"),
    ("https://host/a.csv?sv=1&sig=can%3Dary&se=2", "https://host/a.csv?sv=1&sig=***&se=2"),
    (
        "https://host/a?X-Amz-Signature=canary&X-Amz-Credential=canary&X-Amz-Expires=9",
        "https://host/a?X-Amz-Signature=***&X-Amz-Credential=***&X-Amz-Expires=9",
    ),
    ("https://host/a?access_token=canary#part", "https://host/a?access_token=***#part"),
    ("https://host/a?api-key=canary&page=2", "https://host/a?api-key=***&page=2"),
    ("https://host/a?AWSAccessKeyId=canary", "https://host/a?AWSAccessKeyId=***"),
    ("https://ann:canary@host/a?pwd=canary", "https://ann:***@host/a?pwd=***"),
]
# What holds nothing to hide.
PLAIN = [
    "abfss://container@account.dfs.core.windows.net/a",
    "s3://bucket/year=2024/key=1/?.csv",
    "https://host/a@b:c/d.csv",
    "https://host/a?zipcode=1&design=2&keys=3&page=4",
    "https://host:8080/a",
    "hdfs://host:8020/a@b.parquet",
    "file:///home/a:b@c",
    "./data/a:b@c",
    "https://ann:${secrets.web.password}@host/a?sig=${secrets.web.sig}",
]


@pytest.mark.parametrize(("written", "shown"), URLS)
@pytest.mark.parametrize("around", ["{}", "`{}` cannot be read", "two: {} and {}\n"])
def test_a_login_is_masked_wherever_its_url_stands(written: str, shown: str, around: str) -> None:
    assert mask(around.replace("{}", written), []) == around.replace("{}", shown)
    assert mask_known(around.replace("{}", written), {}) == around.replace("{}", shown)


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_login_stays(text: str) -> None:
    assert mask(text, []) == text


@pytest.mark.parametrize(("written", "shown"), URLS)
def test_a_plan_shows_no_login(written: str, shown: str) -> None:
    plan = plan_from(node_with(source=f"{{path: '{written}', format: CSV}}"))
    assert f"reads  CSV {shown}\n" in explain_text(plan)
    assert explain_json(plan)["nodes"][0]["sources"] == [f"CSV {shown}"]


def test_a_plan_shows_no_login_of_a_target_or_of_a_source_among_the_arguments() -> None:
    step = "{func_name: union, func_args: [{path: 'https://ann:canary@host/b.csv', format: CSV}]}"
    plan = plan_from(with_step(step, sink="{path: 's3://id:canary@bucket/k'}"))
    assert "writes file s3://id:***@bucket/k (DELTA, OVERWRITE)" in explain_text(plan)
    assert "canary" not in explain_text(plan) + str(explain_json(plan))


def test_an_error_of_a_run_shows_no_login() -> None:
    """Nothing listens at the port 9 of this machine."""
    text = "name: p\nnodes:\n  - name: n\n    source: {path: 'http://ann:canary@127.0.0.1:9/a.csv', format: CSV}\n    sink: {path: out}\n"
    with pytest.raises(RunFailedError) as caught:
        models.Pipeline.model_validate_yaml(text).execute()
    errors: list[BaseException] = [caught.value]
    while errors[-1].__cause__ is not None:
        errors.append(errors[-1].__cause__)
    shown = " ".join(f"{error} {error.args}" for error in errors)
    assert "127.0.0.1:9/a.csv" in shown
    assert "canary" not in shown
