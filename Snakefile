# Repeated sampling of language models: problems → samples → verdicts → tallies → curves → figures.
#
# A study is a config: `config.yaml`, or the file given with --configfile, which replaces config.yaml.

from snakemake.utils import min_version

min_version("9.17")

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"


report: opening_page()


include: "workflow/rules/problems.smk"
include: "workflow/rules/check.smk"
include: "workflow/rules/sampling.smk"
include: "workflow/rules/verification.smk"
include: "workflow/rules/rewards.smk"
include: "workflow/rules/results.smk"
include: "workflow/rules/demo.smk"


# Runs once, in the main process, if there are jobs to run.
onstart:
    check_before_sampling()
    check_slurm_requests()
    keep_finished_files()
    show_start(log)


onsuccess:
    show_end(True, log)


onerror:
    cancel_remaining_jobs()
    show_end(False, log)


rule all:
    default_target: True
    input:
        figures(),
        tables(),
        "<results>/overview.rst",


rule samples:
    input:
        all_samples_files(),


rule verdicts:
    input:
        all_verdicts_files(),


rule tallies:
    input:
        every_pair("tallies", "parquet"),


rule figures:
    input:
        figures(),


rule tables:
    input:
        tables(),


rule job_usage:
    input:
        "<results>/tables/job_usage.csv",
