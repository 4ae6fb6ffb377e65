# The rules that may use the network for datasets. Prompts have a rule of their own: what else is said of a problem may be
# edited without a sample being drawn anew.
#
# A file on which samples or verdicts depend as `ancient` either comes with one from the same rule that is not, or has a name
# that says what is in it: Snakemake looks for no reason of its own to run a job again that is only behind an `ancient`
# file that is made again.


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
