# The rules that load datasets, from the network if need be. Prompts have their own rule so that editing a question or a
# reference does not trigger resampling.
#
# `ancient` inputs never trigger a rerun, and a job behind one that is made again is not checked for reasons of its own. So
# each is paired with something that does: a digest from the same rule, or a content hash in its file name.


rule prompts:
    """Load a task's dataset and build the prompts of the chosen problems."""
    input:
        dataset_files,
    output:
        prompts="<results>/problems/{task}.prompts.parquet",
        # A prompts file that is built again and says the same invalidates no sample, however large it is.
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
    """Load a task's dataset and build all else that is said of its problems; see whether they can be verified."""
    input:
        dataset_files,
        prompts="<results>/problems/{task}.prompts.parquet",
    output:
        problems="<results>/problems/{task}.parquet",
        # The same for references and verdicts.
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
