"""The demo's own world: two generated tasks and the family of tiny models trained on them."""
