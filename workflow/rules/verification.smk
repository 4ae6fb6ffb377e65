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
        runtime=verification_runtime,
    params:
        verifier=verifier_of,
        version=verifier_version,
        settings=verification_settings,
        journal=JOURNAL,
    script:
        "../scripts/verify.py"


rule verdict_agreement:
    """Compare our verdicts on published samples with those that came with them."""
    input:
        ours=verified_anew_files("verdicts"),
        published=verified_anew_files("published"),
        problems=problems_of(verified_anew()),
        code=package(
            "../verdict_agreement.py",
            "analysis/agreement.py",
            "analysis/coverage.py",
            "analysis/tables.py",
        ),
    output:
        csv=report(
            "<results>/tables/verdict_agreement.csv",
            caption="../report/verdict_agreement.rst",
            category="Verification",
            labels={"shows": "agreement with published verdicts"},
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
        code=package(
            "../grader_disagreement.py",
            "analysis/agreement.py",
            "analysis/coverage.py",
            "analysis/tables.py",
        ),
    output:
        csv=report(
            "<results>/tables/grader_disagreement.csv",
            caption="../report/grader_disagreement.rst",
            category="Verification",
            labels={"shows": "disagreement of two graders"},
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


rule known_solutions:
    """Take the solutions of a task's dataset that are known to be right."""
    input:
        problems="<results>/problems/{task}.parquet",
    output:
        "<results>/known_solutions/{task}.parquet",
    log:
        "<logs>/known_solutions/{task}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/known_solutions.py"


rule verify_known_solutions:
    """Judge solutions that are known to be right, as samples are judged."""
    input:
        samples="<results>/known_solutions/{task}.parquet",
        problems=ancient("<results>/problems/{task}.parquet"),
        references="<results>/problems/{task}.references",
    output:
        "<results>/known_solutions/{task}.verdicts.parquet",
    log:
        "<logs>/verify_known_solutions/{task}.log",
    conda:
        "../../envs/verification.yaml"
    threads: verification_threads
    resources:
        mem_mb=verification_memory,
        runtime=verification_runtime,
    params:
        verifier=verifier_of,
        version=verifier_version,
        settings=verification_settings,
        journal=None,
    script:
        "../scripts/verify.py"


rule rejected_solutions:
    """List the problems whose tests reject solutions known to be right; made on demand."""
    input:
        verdicts=expand(
            "<results>/known_solutions/{task}.verdicts.parquet", task=KNOWING
        ),
        code=package(
            "../rejected_solutions.py",
            "analysis/exclusions.py",
            "analysis/coverage.py",
            "analysis/tables.py",
        ),
    output:
        csv="<results>/tables/rejected_solutions.csv",
        markdown="<results>/tables/rejected_solutions.md",
    log:
        "<logs>/rejected_solutions.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        tasks=KNOWING,
    script:
        "../scripts/rejected_solutions.py"
