rule verify:
    """Judge the samples of one shard, each distinct text once."""
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
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        verifier=lookup(within=config, dpath="tasks/{task}/verifier"),
        version=verifier_version,
        limits=program_limits,
        journal=journal,
    script:
        "../scripts/verify.py"


rule verdict_agreement:
    """Compare our verdicts on published samples with those that came with them."""
    input:
        ours=verified_anew_files("verdicts"),
        published=verified_anew_files("published"),
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
    script:
        "../scripts/verdict_agreement.py"
