"""Both Helms render the chart, to the same objects."""

import pytest
from cases import CASES
from tools import HELMS, Refused, helm3, helm4, identity, notes, rendered


def by_identity(things):
    found = {identity(thing): thing for thing in things}
    assert len(found) == len(things), "two objects have one name"
    return found


@pytest.mark.parametrize("case", CASES)
def test_both_helms_render_the_same(case):
    assert by_identity(rendered(case)) == by_identity(helm4(CASES[case]))


def test_a_difference_would_be_seen():
    assert by_identity(rendered("defaults")) != by_identity(helm4(CASES["simulator-alone"]))


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("case", CASES)
def test_lint_finds_nothing(case, helm):
    HELMS[helm](CASES[case], lint=True)


@pytest.mark.parametrize("helm", HELMS)
def test_lint_would_find_something(helm):
    with pytest.raises(Refused, match="gateway.url"):
        HELMS[helm]({"gateway": {"url": "cards"}}, lint=True)


def test_the_same_values_give_the_same_objects_again():
    """A chart that makes up passwords or dates would change with every upgrade."""
    assert helm3(CASES["quickstart"]) == helm3(CASES["quickstart"])


def test_a_new_chart_restarts_nothing_by_itself():
    """Versions in a pod template would roll every pod, the broker's among them, with every release of the chart."""
    for thing in rendered("quickstart"):
        template = thing.get("spec", {}).get("template")
        if template and thing["kind"] != "Job":
            labels = template["metadata"]["labels"]
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(labels), identity(thing)


WARNINGS = {
    "quickstart": {"this is a quickstart"},
    "defaults": {"is not encrypted"},
    "postgres-and-ingress": {"is not encrypted", "the ingress reaches nothing"},
    "nkeys-and-tls": set(),
    "simulator-alone": {
        "no credentials",
        "is not encrypted",
        "is the simulator",
        "order-service has no standby",
        "inventory-service has no standby",
    },
}


@pytest.mark.parametrize("case", WARNINGS)
def test_the_notes_warn_of_what_is_not_for_production(case):
    warned = [line for line in notes(CASES[case]).splitlines() if line.startswith("WARNING")]
    assert len(warned) == len(WARNINGS[case])
    assert all(any(words in line for line in warned) for words in WARNINGS[case])
