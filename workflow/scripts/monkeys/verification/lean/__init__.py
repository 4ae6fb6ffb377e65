"""Check proofs with Lean 4: find the proof in a sample, refuse what no proof needs, ask a REPL; see docs/lean.md."""
