"""What completes prompts: an engine in the job's own processes, or a server."""
