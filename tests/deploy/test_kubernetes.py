"""The Kubernetes manifests: valid for every version that is promised, and with what keeps conversations going."""

import json
import re
import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml

from app.settings import Settings
from app.wiring import parts
from tests.support.manifests import ROOT, Doc, Manifests, container, containers, ports, render

VERSIONS: Final = ("1.30", "1.37")  # the oldest that k8s/README.md promises, and the newest there is a schema for
MARGIN: Final = 10.0  # seconds: the server's own shutdown has up to 2 after the window; the rest is for a busy node
SECRET: Final = re.compile(r"secret|password|passwd|token|[_-]key|requirepass|masterauth|://[^/\s]*@", re.IGNORECASE)
RESTRICTED_VOLUMES: Final = {"configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret", "downwardAPI"}


@pytest.fixture(scope="module", params=["base", "trial"])
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return render(request.param)


@pytest.fixture(scope="module")
def trial() -> Manifests:
    return render("trial")


def test_the_folder_itself_is_the_base() -> None:
    assert sorted(map(str, render(".").docs)) == sorted(map(str, render("base").docs))


def secret_settings() -> set[str]:
    """The variables of the settings that are never shown."""
    hidden: dict[str, Any] = {entry.name: ("x",) for entry in fields(Settings) if not entry.repr}
    return Settings(**hidden).to_environ().keys() - Settings().to_environ().keys()


def secret_keys(of: Doc) -> dict[str, Doc]:
    """The references to Secrets by the variables that get them; there may be no other variables."""
    assert all(set(entry) == {"name", "valueFrom"} for entry in of.get("env", [])), "a value is written out"
    return {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in of.get("env", [])}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_document_is_valid(manifests: Manifests, version: str) -> None:
    assert len(manifests.docs) > 5
    for doc in manifests.docs:
        assert kubernetes_validate.validate(doc, version, strict=True) == version
        assert ": null" not in json.dumps(doc), "the schemas take null for anything, a cluster for nothing"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.template.spec.containers.0.readinesProbe", {}),
        ("spec.template.spec.securityContext.runAsNonRoot", "yes"),
        ("spec.template.spec.containers.0.lifecycle.preStop.sleep.second", 5),
        ("spec", {"replicas": 3}),
    ],
)
def test_the_schemas_find_a_slip(version: str, path: str, value: object) -> None:
    deployment = render("base").one("Deployment")
    *way, last = path.split(".")
    place: Any = deployment
    for step in way:
        place = place[int(step) if step.isdecimal() else step]
    place[last] = value
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, version, strict=True)


def test_every_file_is_rendered(trial: Manifests) -> None:
    written = [
        (doc["kind"], doc["metadata"]["name"])
        for path in ROOT.rglob("*.yaml")
        if path.name != "kustomization.yaml"
        for doc in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]
    rendered = [(doc["kind"], doc["metadata"]["name"]) for doc in trial.docs]
    assert sorted(written) == sorted(entry for entry in rendered if entry[0] != "ConfigMap")


def test_everything_is_in_a_restricted_namespace(manifests: Manifests) -> None:
    namespace = manifests.one("Namespace")["metadata"]
    assert namespace["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert {doc["metadata"]["namespace"] for doc in manifests.docs if doc["kind"] != "Namespace"} == {"baton"}


def test_a_rolling_update_takes_no_replica_away_before_the_next_is_ready(manifests: Manifests) -> None:
    spec = manifests.one("Deployment")["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert spec["minReadySeconds"] > 0


def test_the_probes_ask_for_the_right_thing(manifests: Manifests) -> None:
    baton = container(manifests.one("Deployment"))
    asked = {kind: baton[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: get["path"] for kind, get in asked.items()} == {
        "startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz",
    }  # fmt: skip
    assert all(get["port"] in ports(baton) for get in asked.values())
    patience = baton["startupProbe"]["periodSeconds"] * baton["startupProbe"]["failureThreshold"]
    assert patience > parts.FIRST_CONTACT * 2


def test_a_pod_has_time_to_drain(manifests: Manifests) -> None:
    deployment = manifests.one("Deployment")
    pause = container(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
    window = Settings.load(manifests.settings(), {}).drain_seconds
    assert "BATON_DRAIN_SECONDS" in manifests.settings(), "the window must be seen where the grace period is chosen"
    probe = container(deployment)["readinessProbe"]
    assert pause > 0
    assert window > probe["periodSeconds"], "nobody would see /readyz say 503"
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= pause + window + MARGIN


def test_pods_are_restricted(manifests: Manifests) -> None:
    for name, pod in manifests.pods().items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "hostUsers"}
        assert {key for volume in spec.get("volumes", []) for key in volume} <= RESTRICTED_VOLUMES | {"name"}
        for each in containers(pod):
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }, name  # fmt: skip
            assert not any("hostPort" in port for port in each["ports"])
            assert each["resources"]["requests"].keys() == each["resources"]["limits"].keys() == {"cpu", "memory"}


def test_the_user_is_the_images(manifests: Manifests) -> None:
    dockerfile = (Path(__file__).parents[2] / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    user = re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)[-1]
    context = manifests.pods()["baton"]["spec"]["securityContext"]
    assert (str(context["runAsUser"]), str(context["runAsGroup"])) == user


def test_no_pod_may_use_the_cluster(manifests: Manifests) -> None:
    for pod in manifests.pods().values():
        account = manifests.one("ServiceAccount", pod["spec"]["serviceAccountName"])
        assert account["automountServiceAccountToken"] is False
        assert pod["spec"]["automountServiceAccountToken"] is False


def test_a_service_named_baton_sets_no_variable(manifests: Manifests) -> None:
    assert all(pod["spec"]["enableServiceLinks"] is False for pod in manifests.pods().values())


def test_no_secret_is_written_down(manifests: Manifests) -> None:
    assert not manifests.all("Secret")
    for pod in manifests.pods().values():
        for each in containers(pod):
            references = secret_keys(each).values()
            assert {reference["name"] for reference in references} == {"baton-secrets"}
    for doc in manifests.all("ConfigMap"):
        assert "binaryData" not in doc
        found = [line for name, text in doc["data"].items() for line in f"{name}={text}".splitlines()]
        assert not [line for line in found if SECRET.search(line)]


def test_baton_gets_the_secrets_it_knows(manifests: Manifests) -> None:
    references = secret_keys(container(manifests.one("Deployment")))
    assert {name: reference["key"] for name, reference in references.items()} == {key: key for key in secret_settings()}
    optional = {name for name, reference in references.items() if reference.get("optional")}
    assert optional == {"BATON_ACCOUNTS_URL", "BATON_ADMIN_KEY", "BATON_IDENTITY_SECRET"}


def test_the_readme_makes_every_secret_that_is_needed(trial: Manifests) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    used = [secret_keys(each) for pod in trial.pods().values() for each in containers(pod)]
    needed = {reference["key"] for references in used for reference in references.values()}
    assert set(re.findall(r"^([A-Z_]+)=", readme, re.MULTILINE)) == needed - {
        "BATON_ACCOUNTS_URL"
    }  # a trial has the samples
    assert "create secret generic baton-secrets" in readme


def test_every_setting_is_one(manifests: Manifests) -> None:
    urls = {"BATON_REDIS_URL": "redis://:x@redis:6379/0", "BATON_ACCOUNTS_URL": "postgresql://x:x@db/crm"}
    secrets = dict.fromkeys(secret_settings(), "x" * 32) | urls
    settings = Settings.load(manifests.settings() | secrets, {})
    assert settings.warnings() == []
    assert (settings.host, settings.port, settings.replicas) == ("0.0.0.0", 8080, 1)  # one event loop in each pod


def test_a_changed_setting_replaces_the_pods(manifests: Manifests) -> None:
    (source,) = container(manifests.one("Deployment"))["envFrom"]
    assert re.fullmatch(r"baton-settings-[a-z0-9]{10}", source["configMapRef"]["name"])


def test_only_known_images_run(manifests: Manifests) -> None:
    images = {name: [each["image"] for each in containers(pod)] for name, pod in manifests.pods().items()}
    assert images == {"baton": ["baton"], **({"redis": ["redis:8"]} if "redis" in images else {})}


def test_the_overlay_of_the_readme_works(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    shutil.copytree(ROOT / "base", tmp_path / "base")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kustomization.yaml").write_text(text, encoding="utf-8")
    own = render(str(tmp_path / "mine"))
    for doc in own.docs:
        kubernetes_validate.validate(doc, VERSIONS[-1], strict=True)
    assert container(own.one("Deployment"))["image"] == "registry.example.com/baton:1"
    assert own.settings() == render("base").settings() | {"BATON_ALLOWED_ORIGINS": "https://www.example.com"}
    assert own.one("Ingress")["spec"]["tls"][0]["hosts"] == [own.one("Ingress")["spec"]["rules"][0]["host"]]
    assert "ipBlock" in own.one("NetworkPolicy")["spec"]["egress"][0]["to"][0]
