"""The verifiers, one a module; a file that is put here can be named in a study's config."""
