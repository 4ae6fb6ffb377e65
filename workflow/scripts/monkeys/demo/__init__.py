"""The demo: two generated tasks, and a family of tiny models trained on them."""
