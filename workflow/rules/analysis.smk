# What is computed from tallies takes seconds for all tasks and models together, so each kind is one rule over all of them.


rule tally:
    """Count samples and outcomes per problem."""
    input:
        samples=shards_of("samples"),
        verdicts=verdicts_that_count,
        code=package("../tally.py", "analysis/tally.py"),
    output:
        "<results>/tallies/{task}/{model}.parquet",
    log:
        "<logs>/tally/{task}/{model}.log",
    wildcard_constraints:
        model=any_of(models_from("weights", "endpoint", "published")),
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/tally.py"


rule import_tally:
    """Take the tally of a model from published outcomes."""
    input:
        outcomes=outcomes_file,
        code=package("../import_tally.py", "analysis/outcomes.py", "analysis/tally.py"),
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
    """Coverage of all tasks and models, with intervals over problems: curves at log-spaced k, a table at round k."""
    input:
        tallies=every_pair("tallies", "parquet"),
        code=package("../coverage.py", "analysis/coverage.py", "analysis/tables.py"),
    output:
        curves="<results>/curves/coverage.csv",
        csv=report(
            "<results>/tables/coverage.csv",
            caption="../report/coverage_table.rst",
            category="Coverage",
            labels={"shows": "coverage (table)"},
        ),
        markdown="<results>/tables/coverage.md",
    log:
        "<logs>/coverage.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
        bootstrap=bootstrap(),
    script:
        "../scripts/coverage.py"


rule power_law:
    """Fit the exponentiated power law to the coverage of all tasks and models."""
    input:
        tallies=every_pair("tallies", "parquet"),
        code=package(
            "../power_law.py",
            "analysis/coverage.py",
            "analysis/power_law.py",
            "analysis/tables.py",
        ),
    output:
        csv=report(
            "<results>/tables/power_law.csv",
            caption="../report/power_law_table.rst",
            category="Power law",
            labels={"shows": "power law fits (table)"},
        ),
        markdown="<results>/tables/power_law.md",
    log:
        "<logs>/power_law.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
    script:
        "../scripts/power_law.py"


rule solve_rates:
    """The solve rate of every problem with its interval, and the problems that are never solved."""
    input:
        tallies=every_pair("tallies", "parquet"),
        code=package(
            "../solve_rates.py",
            "analysis/coverage.py",
            "analysis/solve_rates.py",
            "analysis/tables.py",
        ),
    output:
        rates="<results>/tables/solve_rates.csv",
        csv=report(
            "<results>/tables/never_solved.csv",
            caption="../report/never_solved.rst",
            category="Solve rates",
            labels={"shows": "never solved (table)"},
        ),
        markdown="<results>/tables/never_solved.md",
    log:
        "<logs>/solve_rates.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
        confidence=config["analysis"]["confidence"],
    script:
        "../scripts/solve_rates.py"


rule curve_similarity:
    """How many samples each model of a family needs for what the best reaches with one."""
    input:
        tallies=every_pair("tallies", "parquet"),
        code=package(
            "../curve_similarity.py",
            "analysis/coverage.py",
            "analysis/similarity.py",
            "analysis/tables.py",
        ),
    output:
        csv=report(
            "<results>/tables/curve_similarity.csv",
            caption="../report/curve_similarity_table.rst",
            category="Power law",
            labels={"shows": "curve similarity (table)"},
        ),
        markdown="<results>/tables/curve_similarity.md",
    log:
        "<logs>/curve_similarity.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
        families=catalogue.families(config),
    script:
        "../scripts/curve_similarity.py"


rule cost:
    """FLOPs and dollars of every number of samples, and what a given coverage costs."""
    input:
        tallies=every_pair("tallies", "parquet"),
        curves="<results>/curves/coverage.csv",
        facts=every_models_facts(),
        code=package(
            "../cost.py",
            "catalogue.py",
            "analysis/spending.py",
            "analysis/cost.py",
            "analysis/coverage.py",
            "analysis/tables.py",
        ),
    output:
        curves="<results>/curves/cost.csv",
        csv=report(
            "<results>/tables/cost_effectiveness.csv",
            caption="../report/cost_effectiveness.rst",
            category="Cost",
            labels={"shows": "cost effectiveness (table)"},
        ),
        markdown="<results>/tables/cost_effectiveness.md",
    log:
        "<logs>/cost.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
        priced=catalogue.priced(config),
        prices=prices(),
    script:
        "../scripts/cost.py"


rule selection:
    """How often votes and rewards choose a correct sample of one task and model, and which problems a vote solves."""
    input:
        samples=samples_for_logprob,
        verdicts=verdicts_that_count,
        rewards=every_reward(REWARDS),
        code=package(
            "../selection.py",
            "analysis/choices.py",
            "analysis/coverage.py",
            "analysis/selection.py",
            "analysis/tables.py",
        ),
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
        subsets=config["analysis"]["subsets"],
        seed=config["seed"],
        journals=every_reward(REWARD_JOURNAL),
    script:
        "../scripts/selection.py"


rule selection_table:
    """How often votes and rewards choose a correct sample, at round k."""
    input:
        curves=every_selection("csv"),
        code=package(
            "../selection_table.py", "analysis/coverage.py", "analysis/tables.py"
        ),
    output:
        csv=report(
            "<results>/tables/selection.csv",
            caption="../report/selection_table.rst",
            category="Selection",
            labels={"shows": "selection (table)"},
        ),
        markdown="<results>/tables/selection.md",
    log:
        "<logs>/selection_table.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=SELECTED,
    script:
        "../scripts/selection_table.py"


rule flagged:
    """Coverage with and without the problems that are flagged as doubtful."""
    input:
        tallies=every_pair("tallies", "parquet"),
        code=package(
            "../flagged.py",
            "analysis/exclusions.py",
            "analysis/coverage.py",
            "analysis/tables.py",
        ),
    output:
        curves="<results>/curves/flagged.csv",
        csv=report(
            "<results>/tables/flagged.csv",
            caption="../report/flagged.rst",
            category="Doubtful problems",
            labels={"shows": "flaky problems (table)"},
        ),
        markdown="<results>/tables/flagged.md",
    log:
        "<logs>/flagged.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=PAIRS,
        flagged=catalogue.flagged(config),
    script:
        "../scripts/flagged.py"


rule cot_audit:
    """Draw correct samples of all solve rates for people to grade."""
    input:
        samples=shards_of("samples"),
        verdicts=verdicts_that_count,
        problems=ancient("<results>/problems/{task}.parquet"),
        code=package(
            "../cot_audit.py",
            "analysis/coverage.py",
            "analysis/exclusions.py",
            "analysis/tables.py",
        ),
    output:
        "<results>/audit/{task}/{model}.csv",
    log:
        "<logs>/cot_audit/{task}/{model}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        bins=config["analysis"]["audit"]["bins"],
        per_bin=config["analysis"]["audit"]["per_bin"],
        seed=config["seed"],
    script:
        "../scripts/cot_audit.py"


rule cot_audit_table:
    """What people found in the samples that they graded."""
    input:
        graded=graded_files(),
        code=package(
            "../cot_audit_table.py",
            "analysis/coverage.py",
            "analysis/exclusions.py",
            "analysis/tables.py",
        ),
    output:
        csv=report(
            "<results>/tables/cot_audit.csv",
            caption="../report/cot_audit.rst",
            category="Verification",
            labels={"shows": "graded samples"},
        ),
        markdown="<results>/tables/cot_audit.md",
    log:
        "<logs>/cot_audit_table.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        pairs=graded_pairs(),
    script:
        "../scripts/cot_audit_table.py"


rule resources:
    """Add up what jobs used of the machines, beside what they had requested; made on demand from the notes there are."""
    input:
        notes=usage_notes,
        code=package(
            "../resources.py",
            "analysis/coverage.py",
            "analysis/tables.py",
            "analysis/usage.py",
        ),
    output:
        csv="<results>/tables/resources.csv",
        markdown="<results>/tables/resources.md",
    log:
        "<logs>/resources.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/resources.py"
