"""Check proofs with Lean 4: extract the proof, reject banned words, run it in a REPL; see docs/lean.md."""
