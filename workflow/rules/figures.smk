# Labels of one category must form a full grid: the report's page fails on a missing combination.


rule coverage_figure:
    """Coverage against the number of samples, all tasks and models."""
    input:
        curves=every_pair("coverage", "csv"),
        code=package("analysis/tables.py", "figures/coverage.py", "figures/style.py"),
    output:
        pdf="<results>/figures/coverage.pdf",
        png=report(
            "<results>/figures/coverage.png",
            caption="../report/coverage_figure.rst",
            category="Coverage",
            labels={"kind": "figure"},
        ),
    log:
        "<logs>/coverage_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
    script:
        "../scripts/coverage_figure.py"


rule power_law_figure:
    """Coverage with its fitted power laws, a panel per task and model."""
    input:
        curves=every_pair("coverage", "csv"),
        fits=every_pair("power_law", "csv"),
        code=package(
            "analysis/tables.py",
            "analysis/power_law.py",
            "figures/power_law.py",
            "figures/style.py",
        ),
    output:
        pdf="<results>/figures/power_law.pdf",
        png=report(
            "<results>/figures/power_law.png",
            caption="../report/power_law_figure.rst",
            category="Power law",
            labels={"kind": "figure"},
        ),
    log:
        "<logs>/power_law_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
    script:
        "../scripts/power_law_figure.py"
