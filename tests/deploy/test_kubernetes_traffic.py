"""The Kubernetes manifests: who reaches whom, what finds which pods, and how many there are."""

import re
from typing import Any, Final

import pytest

from app import wiring
from tests.support.manifests import Doc, Manifests, container, ports, render

STICKY: Final = re.compile("affinity|sticky|stickiness|cookie|hash|snippet", re.IGNORECASE)


@pytest.fixture(scope="module", params=["base", "trial"])
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return render(request.param)


def peers(rules: list[Doc], side: str) -> list[tuple[Any, set[tuple[str, int]]]]:
    """The peer and the ports of each rule of a NetworkPolicy. A rule without either, or with two peers, is an error."""
    found = []
    for rule in rules:
        assert rule.keys() == {side, "ports"}, "a rule without a peer or a port lets all through"
        (peer,) = rule[side]
        found.append((peer, {(port["protocol"], port["port"]) for port in rule["ports"]}))
    return found


def labels(name: str) -> Doc:
    return {"matchLabels": {"app.kubernetes.io/name": name}}


def policy(manifests: Manifests, name: str) -> Doc:
    """The spec of the policy of this workload, which closes whatever it doesn't open."""
    spec: Doc = manifests.one("NetworkPolicy", name)["spec"]
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    assert manifests.selected(spec["podSelector"]["matchLabels"]) == [name]
    assert spec["podSelector"] == labels(name)
    return spec


def test_workloads_find_their_own_pods(manifests: Manifests) -> None:
    assert manifests.pods()
    for doc in (*manifests.all("Deployment"), *manifests.all("StatefulSet")):
        assert doc["spec"]["selector"].keys() == {"matchLabels"}
        assert manifests.selected(doc["spec"]["selector"]["matchLabels"]) == [doc["metadata"]["name"]]


def test_services_lead_to_pods_that_listen(manifests: Manifests) -> None:
    assert {doc["metadata"]["name"] for doc in manifests.all("Service")} == manifests.pods().keys()
    for doc in manifests.all("Service"):
        name, (port,) = doc["metadata"]["name"], doc["spec"]["ports"]
        assert manifests.selected(doc["spec"]["selector"]) == [name]
        (listening,) = manifests.pods()[name]["spec"]["containers"]
        assert ports(listening)[port["targetPort"]] == port["port"]
    assert str(manifests.one("Service")["spec"]["ports"][0]["port"]) == manifests.settings()["BATON_PORT"]


def test_no_replica_is_preferred(manifests: Manifests) -> None:
    for doc in manifests.all("Service"):
        assert doc["spec"].get("sessionAffinity", "None") == "None"
        assert doc["spec"].get("type", "ClusterIP") == "ClusterIP"
        assert not doc["spec"].keys() & {"sessionAffinityConfig", "trafficDistribution", "internalTrafficPolicy"}
    for doc in (*manifests.all("Service"), *manifests.all("Ingress")):
        notes = doc["metadata"].get("annotations", {})
        assert not [name for name, value in notes.items() if STICKY.search(f"{name} {value}")]


def test_the_ingress_leads_to_the_service_over_tls(manifests: Manifests) -> None:
    spec = manifests.one("Ingress")["spec"]
    service = manifests.one("Service")
    for rule in spec["rules"]:
        for path in rule["http"]["paths"]:
            backend = path["backend"]["service"]
            assert backend["name"] == service["metadata"]["name"]
            assert backend["port"]["name"] in [port["name"] for port in service["spec"]["ports"]]
    assert [rule["host"] for rule in spec["rules"]] == [host for entry in spec["tls"] for host in entry["hosts"]]
    assert all(host.endswith(".example.com") for entry in spec["tls"] for host in entry["hosts"]), "an example only"


@pytest.mark.parametrize("prefix", ["nginx.org", "nginx.ingress.kubernetes.io"])
def test_the_ingress_waits_longer_than_baton_is_silent(manifests: Manifests, prefix: str) -> None:
    notes = manifests.one("Ingress")["metadata"]["annotations"]
    for name in ("proxy-read-timeout", "proxy-send-timeout"):
        assert int(notes[f"{prefix}/{name}"].removesuffix("s")) >= wiring.HEARTBEAT * 2
    size = notes.get(f"{prefix}/client-max-body-size") or notes[f"{prefix}/proxy-body-size"]
    assert int(size.removesuffix("m")) > 16, "an import has up to 16 MiB"
    assert notes["nginx.org/websocket-services"] == manifests.one("Service")["metadata"]["name"]


def test_every_pod_has_one_policy(manifests: Manifests) -> None:
    assert {doc["metadata"]["name"] for doc in manifests.all("NetworkPolicy")} == manifests.pods().keys()


def test_baton_hears_the_ingress_and_monitoring_only(manifests: Manifests) -> None:
    ((peer, opened),) = peers(policy(manifests, "baton")["ingress"], "from")
    assert opened == {("TCP", port) for port in ports(container(manifests.one("Deployment"))).values()}
    assert peer.keys() == {"namespaceSelector"}
    (rule,) = peer["namespaceSelector"]["matchExpressions"]
    assert (rule["key"], rule["operator"]) == ("kubernetes.io/metadata.name", "In")
    assert set(rule["values"]) == {"nginx-ingress", "ingress-nginx", "monitoring"}


def test_baton_asks_redis_and_dns_only(manifests: Manifests) -> None:
    redis, dns = peers(policy(manifests, "baton")["egress"], "to")
    assert redis == ({"podSelector": labels("redis")}, {("TCP", 6379)})
    assert dns[1] == {("UDP", 53), ("TCP", 53)}
    assert dns[0]["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}
    assert dns[0]["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}


def test_redis_hears_baton_only_and_asks_nobody() -> None:
    trial = render("trial")
    spec = policy(trial, "redis")
    assert not spec.get("egress")
    ((peer, opened),) = peers(spec["ingress"], "from")
    assert peer == {"podSelector": labels("baton")}
    assert opened == {("TCP", port) for port in ports(container(trial.one("StatefulSet", "redis"))).values()}


def test_the_autoscaler_holds_the_number(manifests: Manifests) -> None:
    deployment, scaler = manifests.one("Deployment"), manifests.one("HorizontalPodAutoscaler")["spec"]
    target = scaler["scaleTargetRef"]
    assert target == {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"]}
    assert "replicas" not in deployment["spec"], "every apply would undo what the autoscaler decided"
    assert scaler["maxReplicas"] > scaler["minReplicas"] >= 3
    (metric,) = scaler["metrics"]
    assert (metric["type"], metric["resource"]["target"]["type"]) == ("Resource", "AverageValue")
    assert metric["resource"]["name"] == "cpu"
    assert metric["resource"]["name"] in container(deployment)["resources"]["requests"]


def test_it_scales_down_slowly(manifests: Manifests) -> None:
    behavior = manifests.one("HorizontalPodAutoscaler")["spec"]["behavior"]
    up, down = behavior["scaleUp"], behavior["scaleDown"]
    assert down["stabilizationWindowSeconds"] >= 600 > up["stabilizationWindowSeconds"]
    (rule,) = down["policies"]
    assert (rule["type"], rule["value"]) == ("Pods", 1)
    assert rule["periodSeconds"] >= 120


def test_a_drained_node_takes_one_replica_at_a_time(manifests: Manifests) -> None:
    budget = manifests.one("PodDisruptionBudget")["spec"]
    assert manifests.selected(budget["selector"]["matchLabels"]) == ["baton"]
    assert (budget["maxUnavailable"], budget["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert manifests.one("HorizontalPodAutoscaler")["spec"]["minReplicas"] > budget["maxUnavailable"]


def test_replicas_are_spread_over_zones_and_nodes(manifests: Manifests) -> None:
    spread = manifests.pods()["baton"]["spec"]["topologySpreadConstraints"]
    assert [rule["topologyKey"] for rule in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    for rule in spread:
        assert (rule["maxSkew"], rule["whenUnsatisfiable"]) == (1, "ScheduleAnyway")  # no schema knows the words
        assert manifests.selected(rule["labelSelector"]["matchLabels"]) == ["baton"]
