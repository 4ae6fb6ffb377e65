# Tallies, tables and figures. Each result is a module of `monkeys.results`; a param holds the digest of the code that
# makes it, so that an edit reruns only the jobs that it affects.


rule tally:
    """Count samples and outcomes per problem."""
    input:
        samples=shard_files("samples"),
        verdicts=verdict_files,
    output:
        "<results>/tallies/{task}/{model}.parquet",
    log:
        "<logs>/tally/{task}/{model}.log",
    wildcard_constraints:
        model=any_of(models_with_samples()),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code_of("tally"),
    script:
        "../scripts/tally.py"


rule import_tally:
    """Convert published outcomes of a model to a tally."""
    input:
        outcomes=outcomes_file,
    output:
        "<results>/tallies/{task}/{model}.parquet",
    log:
        "<logs>/import_tally/{task}/{model}.log",
    wildcard_constraints:
        model=any_of(models_of_rule(None)),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        layout=outcomes_layout,
        code=code_of("import_tally"),
    script:
        "../scripts/import_tally.py"


rule selection:
    """Compute the accuracy of votes and rewards for one task and model, and the problems that a vote solves.

    Early stopping is replayed here, too: it needs the same answers.
    """
    input:
        samples=samples_for_logprob,
        verdicts=verdict_files,
        rewards=reward_files,
    output:
        curves="<results>/selection/{task}/{model}.csv",
        votes="<results>/selection/{task}/{model}.votes.csv",
        stopping="<results>/selection/{task}/{model}.stopping.csv",
    log:
        "<logs>/selection/{task}/{model}.log",
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        rewards=rewards_of,
        logistic=logistic_rewards,
        votes=has_votes,
        verifier=verifier_of,
        subsets=STUDY.analysis.vote_subsets,
        seed=STUDY.seed,
        code=code_of("selection"),
    script:
        "../scripts/selection.py"


rule audit:
    """Draw correct samples from all bins of solve rates for manual grading; made on demand."""
    input:
        samples=shard_files("samples"),
        verdicts=verdict_files,
        problems=ancient("<results>/problems/{task}.parquet"),
    output:
        "<results>/audit/{task}/{model}.csv",
    log:
        "<logs>/audit/{task}/{model}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        bins=STUDY.analysis.audit.bins,
        per_bin=STUDY.analysis.audit.per_bin,
        seed=STUDY.seed,
        code=code_of("audit"),
    script:
        "../scripts/audit.py"


rule curves:
    """Compute all rows of a result, for its figure and for other results."""
    input:
        unpack(result_inputs("compute")),
    output:
        "<results>/curves/{result}.csv",
    log:
        "<logs>/curves/{result}.log",
    wildcard_constraints:
        result=any_of(registry.names("compute")),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        missing=lambda wildcards: registry.missing_reason(wildcards.result, STUDY),
        settings=result_settings("compute"),
        code=code_of("curves", "compute"),
    script:
        "../scripts/curves.py"


rule table:
    """Make the table of a result, as CSV and Markdown."""
    input:
        unpack(result_inputs("tabulate")),
    output:
        csv=report(
            "<results>/tables/{result}.csv",
            caption="../report/result.rst",
            category=category,
            labels=label("table"),
        ),
        markdown="<results>/tables/{result}.md",
    log:
        "<logs>/table/{result}.log",
    wildcard_constraints:
        result=any_of(registry.names("tabulate")),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        missing=lambda wildcards: registry.missing_reason(wildcards.result, STUDY),
        settings=result_settings("tabulate"),
        code=code_of("table", "tabulate"),
        caption=caption("TABLE"),
    script:
        "../scripts/table.py"


rule figure:
    """Draw the figure of a result."""
    input:
        unpack(result_inputs("draw")),
    output:
        pdf="<results>/figures/{result}.pdf",
        png=report(
            "<results>/figures/{result}.png",
            caption="../report/result.rst",
            category=category,
            labels=label("figure"),
        ),
    log:
        "<logs>/figure/{result}.log",
    wildcard_constraints:
        result=any_of(registry.names("draw")),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        missing=lambda wildcards: registry.missing_reason(wildcards.result, STUDY),
        settings=result_settings("draw"),
        code=code_of("figure", "draw"),
        caption=caption("FIGURE"),
    script:
        "../scripts/figure.py"


rule explorer:
    """Write the interactive page of coverage curves."""
    input:
        curves="<results>/curves/coverage.csv",
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
        models=inputs.INPUTS["looks"].setting(STUDY),
        code=code_of("explorer"),
    script:
        "../scripts/explorer.py"


rule overview:
    """Write the first page of the report."""
    input:
        tallies=every_pair("tallies", "parquet"),
        coverage="<results>/tables/coverage.csv",
        samples=one_shard("samples"),
        verdicts=one_shard("verdicts"),
    output:
        "<results>/overview.rst",
    log:
        "<logs>/overview.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        template=lambda _: (ROOT / "workflow/report/overview.rst").read_text(),
        missing=registry.missing(STUDY),
        code=code_of("overview"),
    script:
        "../scripts/overview.py"


rule forecast:
    """Print the samples, GPU hours and dollars until a coverage, from the tallies that exist; runs only on request."""
    log:
        "<logs>/forecast.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/forecast.py"
