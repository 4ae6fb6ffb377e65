def test_studies_never_regenerate_the_demo_files(checkout):
    output = checkout.snakemake("--dry-run", "--forceall", study="studies/demo.yaml")
    assert "demo_task" not in output and "demo_model" not in output
    output = checkout.snakemake("--dry-run", "--forceall", "demo_models", study="studies/demo.yaml")
    assert output.count("rule demo_model:") == 3
    assert output.count("rule demo_reward:") == 1


def test_the_shipped_demo_task_can_be_regenerated(checkout):
    shipped = (checkout.folder / "resources/demo/arithmetic/test.jsonl").read_bytes()
    checkout.snakemake("--force", "resources/demo/arithmetic", study="studies/demo.yaml")
    assert (checkout.folder / "resources/demo/arithmetic/test.jsonl").read_bytes() == shipped
