"""The verifiers, one per module; a study's config can name any module in this folder."""
