# The figures, one rule each; which of them a study has, the catalogue says.
# Labels of one category must form a full grid: the report's page fails on a missing combination.


rule coverage_figure:
    """Coverage against the number of samples, a panel per task (Brown et al. 2024, Fig. 2)."""
    input:
        curves="<results>/curves/coverage.csv",
        code=package("../coverage_figure.py", "figures/coverage.py", "figures/style.py"),
    output:
        pdf="<results>/figures/coverage.pdf",
        png=report(
            "<results>/figures/coverage.png",
            caption="../report/coverage_figure.rst",
            category="Coverage",
            labels={"shows": "coverage (figure)"},
        ),
    log:
        "<logs>/coverage_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        models=MODELS,
    script:
        "../scripts/coverage_figure.py"


rule coverage_by_family_figure:
    """Coverage of the models of one family, a panel per task and family (Fig. 3)."""
    input:
        curves="<results>/curves/coverage.csv",
        code=package(
            "../coverage_by_family_figure.py",
            "figures/coverage_by_family.py",
            "figures/style.py",
        ),
    output:
        pdf="<results>/figures/coverage_by_family.pdf",
        png=report(
            "<results>/figures/coverage_by_family.png",
            caption="../report/coverage_by_family_figure.rst",
            category="Coverage",
            labels={"shows": "coverage by family (figure)"},
        ),
    log:
        "<logs>/coverage_by_family_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        models=MODELS,
    script:
        "../scripts/coverage_by_family_figure.py"


rule coverage_vs_compute_figure:
    """Coverage against inference FLOPs (Fig. 4)."""
    input:
        curves="<results>/curves/cost.csv",
        code=package(
            "../coverage_vs_compute_figure.py",
            "figures/coverage_vs_compute.py",
            "figures/style.py",
        ),
    output:
        pdf="<results>/figures/coverage_vs_compute.pdf",
        png=report(
            "<results>/figures/coverage_vs_compute.png",
            caption="../report/coverage_vs_compute_figure.rst",
            category="Cost",
            labels={"shows": "coverage vs compute (figure)"},
        ),
    log:
        "<logs>/coverage_vs_compute_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        models=MODELS,
    script:
        "../scripts/coverage_vs_compute_figure.py"


rule coverage_vs_cost_figure:
    """Coverage against dollars, with the best of all models and budgets."""
    input:
        curves="<results>/curves/cost.csv",
        code=package(
            "../coverage_vs_cost_figure.py",
            "figures/coverage_vs_cost.py",
            "figures/style.py",
        ),
    output:
        pdf="<results>/figures/coverage_vs_cost.pdf",
        png=report(
            "<results>/figures/coverage_vs_cost.png",
            caption="../report/coverage_vs_cost_figure.rst",
            category="Cost",
            labels={"shows": "coverage vs cost (figure)"},
        ),
    log:
        "<logs>/coverage_vs_cost_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        models=MODELS,
    script:
        "../scripts/coverage_vs_cost_figure.py"


rule power_law_fits_figure:
    """Coverage with its fitted power laws, a panel per task and model (Fig. 5, 10)."""
    input:
        curves="<results>/curves/coverage.csv",
        fits="<results>/tables/power_law.csv",
        code=package(
            "../power_law_fits_figure.py",
            "analysis/coverage.py",
            "analysis/power_law.py",
            "figures/power_law_fits.py",
            "figures/style.py",
        ),
    output:
        pdf="<results>/figures/power_law_fits.pdf",
        png=report(
            "<results>/figures/power_law_fits.png",
            caption="../report/power_law_fits_figure.rst",
            category="Power law",
            labels={"shows": "power law fits (figure)"},
        ),
    log:
        "<logs>/power_law_fits_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        models=MODELS,
    script:
        "../scripts/power_law_fits_figure.py"


rule curve_similarity_figure:
    """The curves of one family, shifted onto each other (Fig. 6)."""
    input:
        curves="<results>/curves/coverage.csv",
        shifts="<results>/tables/curve_similarity.csv",
        code=package(
            "../curve_similarity_figure.py",
            "figures/curve_similarity.py",
            "figures/style.py",
        ),
    output:
        pdf="<results>/figures/curve_similarity.pdf",
        png=report(
            "<results>/figures/curve_similarity.png",
            caption="../report/curve_similarity_figure.rst",
            category="Power law",
            labels={"shows": "curve similarity (figure)"},
        ),
    log:
        "<logs>/curve_similarity_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        models=MODELS,
    script:
        "../scripts/curve_similarity_figure.py"


rule selection_figure:
    """How far choosing without a verifier falls short of coverage (Fig. 7)."""
    input:
        curves="<results>/curves/coverage.csv",
        selection=every_selection("csv"),
        code=package(
            "../selection_figure.py",
            "analysis/coverage.py",
            "analysis/tables.py",
            "figures/selection.py",
            "figures/style.py",
        ),
    output:
        pdf="<results>/figures/selection.pdf",
        png=report(
            "<results>/figures/selection.png",
            caption="../report/selection_figure.rst",
            category="Selection",
            labels={"shows": "selection (figure)"},
        ),
    log:
        "<logs>/selection_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=SELECTED,
    script:
        "../scripts/selection_figure.py"


rule solve_rates_figure:
    """How often every problem is solved, and whether the majority is right (Fig. 8)."""
    input:
        rates="<results>/tables/solve_rates.csv",
        votes=every_selection("votes.csv"),
        code=package(
            "../solve_rates_figure.py",
            "analysis/coverage.py",
            "analysis/tables.py",
            "figures/solve_rates.py",
            "figures/style.py",
        ),
    output:
        pdf="<results>/figures/solve_rates.pdf",
        png=report(
            "<results>/figures/solve_rates.png",
            caption="../report/solve_rates_figure.rst",
            category="Solve rates",
            labels={"shows": "solve rates (figure)"},
        ),
    log:
        "<logs>/solve_rates_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=SELECTED,
    script:
        "../scripts/solve_rates_figure.py"


rule flaky_problems_figure:
    """Coverage with and without the problems that are flagged as doubtful (Fig. 9)."""
    input:
        curves="<results>/curves/flagged.csv",
        code=package(
            "../flaky_problems_figure.py",
            "figures/flaky_problems.py",
            "figures/style.py",
        ),
    output:
        pdf="<results>/figures/flaky_problems.pdf",
        png=report(
            "<results>/figures/flaky_problems.png",
            caption="../report/flaky_problems_figure.rst",
            category="Doubtful problems",
            labels={"shows": "flaky problems (figure)"},
        ),
    log:
        "<logs>/flaky_problems_figure.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        models=MODELS,
    script:
        "../scripts/flaky_problems_figure.py"


rule explorer:
    """A page in which to pick tasks and models, and read coverage off the curves."""
    input:
        curves="<results>/curves/coverage.csv",
        code=package("../explorer.py", "figures/explorer.py", "figures/style.py"),
    output:
        report(
            "<results>/figures/explorer.html",
            caption="../report/explorer.rst",
            category="Coverage",
            labels={"shows": "explorer"},
        ),
    log:
        "<logs>/explorer.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        models=MODELS,
    script:
        "../scripts/explorer.py"


rule overview:
    """The page that the report opens with."""
    input:
        tallies=every_pair("tallies", "parquet"),
        coverage="<results>/tables/coverage.csv",
        samples=one_shard("samples"),
        verdicts=one_shard("verdicts"),
        code=package(
            "../overview.py",
            "overview.py",
            "catalogue.py",
            "analysis/coverage.py",
            "analysis/tables.py",
        ),
    output:
        "<results>/overview.rst",
    log:
        "<logs>/overview.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
        missing=catalogue.missing(config),
    script:
        "../scripts/overview.py"
