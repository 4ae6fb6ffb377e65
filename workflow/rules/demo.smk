# How the files under resources/demo were made. They are part of the project; only `make demo-models` makes them again.
# Outputs are whole folders, so that no study's DAG reaches these rules through a file.


DEMO_MODELS = ["marmoset-0.2m", "marmoset-0.8m", "marmoset-3m"]


wildcard_constraints:
    demo_task="arithmetic|programs",
    demo_model=any_of(DEMO_MODELS),


rule demo_models:
    """Both tasks, the whole family of models, and the reward model."""
    input:
        expand(
            "resources/demo/{folder}",
            folder=["arithmetic", "programs", *DEMO_MODELS, "marmoset-reward"],
        ),


rule demo_task:
    """Generate the held-out problems of a demo task."""
    output:
        directory("resources/demo/{demo_task}"),
    log:
        "<logs>/demo_task/{demo_task}.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        seed=0,
    script:
        "../scripts/demo_task.py"


rule demo_model:
    """Train one of the demo's models from scratch on generated examples."""
    output:
        directory("resources/demo/{demo_model}"),
    log:
        "<logs>/demo_model/{demo_model}.log",
    conda:
        "../../envs/sampling.yaml"
    threads: 2
    resources:
        runtime=60,
    params:
        seed=0,
        prompts=demo_prompts,
    script:
        "../scripts/demo_model.py"


rule demo_reward:
    """Train the demo's reward model on samples of the whole family that the verifiers judged."""
    input:
        expand("resources/demo/{model}", model=DEMO_MODELS),
    output:
        directory("resources/demo/marmoset-reward"),
    log:
        "<logs>/demo_reward.log",
    # and, for the verifiers, what verification.yaml has; .venv has both
    conda:
        "../../envs/sampling.yaml"
    threads: 2
    resources:
        runtime=60,
    params:
        seed=0,
        prompts=demo_prompts,
        limits=lambda _: STUDY.tasks.programs.limits,
    script:
        "../scripts/demo_reward.py"
