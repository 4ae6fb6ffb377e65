# Rules that load datasets, from the network if necessary. Prompts have their own rule so that editing a question or a
# reference does not trigger resampling.
#
# `ancient` inputs never trigger a rerun, and if one is remade, its job is not checked for other reasons to rerun. So
# each is paired with something that does: a digest from the same rule, or a content hash in its file name.


rule prompts:
    """Load a task's dataset and build the prompts of the selected problems."""
    input:
        dataset_files,
    output:
        prompts="<results>/problems/{task}.prompts.parquet",
        # Samples depend on the digest, so rebuilding a prompts file with the same contents invalidates none.
        digest="<results>/problems/{task}.prompts",
    log:
        "<logs>/prompts/{task}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=prompt_settings,
    script:
        "../scripts/prompts.py"


rule problems:
    """Load a task's dataset, build its problems (questions, references), and check that they can be verified."""
    input:
        dataset_files,
        prompts="<results>/problems/{task}.prompts.parquet",
    output:
        problems="<results>/problems/{task}.parquet",
        # Likewise, verdicts depend on this digest of the references.
        digest="<results>/problems/{task}.references",
    log:
        "<logs>/problems/{task}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=problem_settings,
    script:
        "../scripts/problems.py"


rule guesses:
    """Rank the problems' answers among those of the task's training split, as a baseline of coverage."""
    input:
        dataset_files,
        problems=ancient("<results>/problems/{task}.parquet"),
        references="<results>/problems/{task}.references",
    output:
        "<results>/guesses/{task}.csv",
    log:
        "<logs>/guesses/{task}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=guess_settings,
        version=verifier_version,
        code=code_of("guesses"),
    script:
        "../scripts/guesses.py"
