rule tally:
    """Count samples and outcomes per problem."""
    input:
        samples=shards_of("samples"),
        verdicts=verdicts_that_count,
        code=package("analysis/tally.py"),
    output:
        "<results>/tallies/{task}/{model}.parquet",
    log:
        "<logs>/tally/{task}/{model}.log",
    wildcard_constraints:
        model=any_of(models_from("weights", "endpoint", "published")),
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/tally.py"


rule import_tally:
    """Take the tally of a model from published outcomes."""
    input:
        outcomes=outcomes_file,
        code=package("analysis/outcomes.py"),
    output:
        "<results>/tallies/{task}/{model}.parquet",
    log:
        "<logs>/import_tally/{task}/{model}.log",
    wildcard_constraints:
        model=any_of(models_from("outcomes")),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        layout=outcomes_layout,
    script:
        "../scripts/import_tally.py"


rule coverage:
    """Coverage of one task and model at log-spaced k, with an interval over problems."""
    input:
        tally="<results>/tallies/{task}/{model}.parquet",
        code=package("analysis/coverage.py"),
    output:
        "<results>/coverage/{task}/{model}.csv",
    log:
        "<logs>/coverage/{task}/{model}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        bootstrap=bootstrap(),
    script:
        "../scripts/coverage.py"


rule power_law:
    """Fit the exponentiated power law to the coverage of one task and model."""
    input:
        tally="<results>/tallies/{task}/{model}.parquet",
        code=package("analysis/coverage.py", "analysis/power_law.py"),
    output:
        "<results>/power_law/{task}/{model}.csv",
    log:
        "<logs>/power_law/{task}/{model}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/power_law.py"


rule coverage_table:
    """Coverage at round k of all tasks and models."""
    input:
        curves=every_pair("coverage", "csv"),
        code=package("analysis/tables.py"),
    output:
        csv=report(
            "<results>/tables/coverage.csv",
            caption="../report/coverage_table.rst",
            category="Coverage",
            labels={"kind": "table"},
        ),
        markdown="<results>/tables/coverage.md",
    log:
        "<logs>/coverage_table.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
    script:
        "../scripts/coverage_table.py"


rule power_law_table:
    """The fits of all tasks and models."""
    input:
        fits=every_pair("power_law", "csv"),
        code=package("analysis/tables.py"),
    output:
        csv=report(
            "<results>/tables/power_law.csv",
            caption="../report/power_law_table.rst",
            category="Power law",
            labels={"kind": "table"},
        ),
        markdown="<results>/tables/power_law.md",
    log:
        "<logs>/power_law_table.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
    script:
        "../scripts/power_law_table.py"
