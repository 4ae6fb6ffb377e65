def test_the_demos_own_files_are_never_made_anew_by_a_study(checkout):
    said = checkout.snakemake("--dry-run", "--forceall", study="studies/demo.yaml")
    assert "demo_task" not in said and "demo_model" not in said
    said = checkout.snakemake("--dry-run", "--forceall", "demo_models", study="studies/demo.yaml")
    assert said.count("rule demo_model:") == 3
    assert said.count("rule demo_reward:") == 1


def test_a_demo_task_is_generated_as_it_is_shipped(checkout):
    shipped = (checkout.folder / "resources/demo/arithmetic/test.jsonl").read_bytes()
    checkout.snakemake("--force", "resources/demo/arithmetic", study="studies/demo.yaml")
    assert (checkout.folder / "resources/demo/arithmetic/test.jsonl").read_bytes() == shipped
