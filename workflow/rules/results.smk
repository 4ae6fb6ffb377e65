# From tallies to tables and figures. What each of them is stands in its own module of `monkeys.results`; a param holds the
# digest of the code that it runs, so that only what an edit touches is made again.


rule tally:
    """Count samples and outcomes per problem."""
    input:
        samples=shards_of("samples"),
        verdicts=verdicts_that_count,
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
    """Take the tally of a model from published outcomes."""
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
    """How often votes and rewards choose a correct sample of one task and model, and which problems a vote solves."""
    input:
        samples=samples_for_logprob,
        verdicts=verdicts_that_count,
        rewards=every_reward,
    output:
        curves="<results>/selection/{task}/{model}.csv",
        votes="<results>/selection/{task}/{model}.votes.csv",
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
    """Draw correct samples of all solve rates for people to grade; made on demand."""
    input:
        samples=shards_of("samples"),
        verdicts=verdicts_that_count,
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
    """All rows of a result, for its figure and for other results."""
    input:
        unpack(asked_for("compute")),
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
        missing=lambda wildcards: registry.reason(wildcards.result, STUDY),
        settings=settings_of("compute"),
        code=code_of("curves", "compute"),
    script:
        "../scripts/curves.py"


rule table:
    """The table of a result, for programs and for people."""
    input:
        unpack(asked_for("tabulate")),
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
        missing=lambda wildcards: registry.reason(wildcards.result, STUDY),
        settings=settings_of("tabulate"),
        code=code_of("table", "tabulate"),
        caption=caption("TABLE"),
    script:
        "../scripts/table.py"


rule figure:
    """The figure of a result."""
    input:
        unpack(asked_for("draw")),
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
        missing=lambda wildcards: registry.reason(wildcards.result, STUDY),
        settings=settings_of("draw"),
        code=code_of("figure", "draw"),
        caption=caption("FIGURE"),
    script:
        "../scripts/figure.py"


rule explorer:
    """A page in which to pick tasks and models, and read coverage off the curves."""
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
    """The page that the report opens with."""
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
