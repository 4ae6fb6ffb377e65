# Rules that made the files under resources/demo, which are part of the project; only `make demo-models` remakes them.
# Outputs are whole folders, so that no study's DAG reaches these rules through a file.


DEMO_MODELS = ["marmoset-0.2m", "marmoset-0.8m", "marmoset-3m"]


wildcard_constraints:
    demo_task="arithmetic|programs",
    demo_model=any_of(DEMO_MODELS),


rule demo_models:
    """Make both tasks, all models of the family, and the reward model."""
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
    """Train a demo model from scratch on generated examples."""
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
    """Train the demo's reward model on verified samples of all models of the family."""
    input:
        expand("resources/demo/{model}", model=DEMO_MODELS),
    output:
        directory("resources/demo/marmoset-reward"),
    log:
        "<logs>/demo_reward.log",
    # the verifiers also need the packages of verification.yaml; .venv has both
    conda:
        "../../envs/sampling.yaml"
    threads: 2
    resources:
        runtime=60,
    params:
        seed=0,
        prompts=demo_prompts,
        limits=lambda _: STUDY.tasks["programs"].limits.model_dump(),
    script:
        "../scripts/demo_reward.py"
