# Repeated sampling of language models: problems → samples → verdicts → tallies → curves → figures.
#
# A study is a config: `config.yaml`, or the one given with --configfile (it replaces config.yaml, it does not extend it).

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


# Only where the run is started, once there is something to do.
onstart:
    look_before_sampling()
    refuse_what_slurm_would()
    keep_finished()
    show_start(log)


onsuccess:
    show_end(True, log)


onerror:
    cancel_what_is_left()
    show_end(False, log)


rule all:
    default_target: True
    input:
        figures(),
        tables(),
        "<results>/overview.rst",


rule samples:
    input:
        every_sample(),


rule verdicts:
    input:
        every_verdict(),


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
