rule verify:
    """Judge the samples of one shard, each distinct answer once."""
    input:
        samples="<results>/samples/{task}/{model}/{shard}.parquet",
        problems=ancient("<results>/problems/{task}.parquet"),
        references="<results>/problems/{task}.references",
    output:
        "<results>/verdicts/{task}/{model}/{shard}.parquet",
    log:
        "<logs>/verify/{task}/{model}/{shard}.log",
    conda:
        "../../envs/verification.yaml"
    threads: verification_threads
    resources:
        mem_mb=verification_memory,
        runtime=240,
    params:
        verifier=lookup(within=config, dpath="tasks/{task}/verifier"),
        version=verifier_version,
        settings=verification_settings,
        journal=journal,
    script:
        "../scripts/verify.py"


rule verdict_agreement:
    """Compare our verdicts on published samples with those that came with them."""
    input:
        ours=verified_anew_files("verdicts"),
        published=verified_anew_files("published"),
        problems=problems_of(verified_anew()),
        code=package("analysis/agreement.py"),
    output:
        csv=report(
            "<results>/tables/verdict_agreement.csv",
            caption="../report/verdict_agreement.rst",
            category="Verification",
            labels={"kind": "table"},
        ),
        markdown="<results>/tables/verdict_agreement.md",
    log:
        "<logs>/verdict_agreement.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        verifiers=verifiers_of(verified_anew()),
    script:
        "../scripts/verdict_agreement.py"


rule grader_disagreement:
    """Compare the verdicts on math answers with the second opinions on them."""
    input:
        verdicts=judged_twice_files(),
        problems=problems_of(judged_twice()),
        code=package("analysis/agreement.py"),
    output:
        csv=report(
            "<results>/tables/grader_disagreement.csv",
            caption="../report/grader_disagreement.rst",
            category="Verification",
            labels={"kind": "graders"},
        ),
        markdown="<results>/tables/grader_disagreement.md",
    log:
        "<logs>/grader_disagreement.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        verifiers=verifiers_of(judged_twice()),
    script:
        "../scripts/grader_disagreement.py"
