/-- What the kernel's environment says of a theorem, in JSON: whether it is one, whether it states the very same as
another, level names and all, and whether it rests on allowed axioms alone. -/
def monkeysVerdict (proof statement : Lean.Name) (allowed : List Lean.Name) : Lean.Elab.Command.CommandElabM String := do
  let environment := (← Lean.getEnv).checked.get
  let axioms ← Lean.collectAxioms proof
  let sound := axioms.toList.foldl (· && allowed.contains ·) true
  match environment.find? proof, environment.find? statement with
  | some p, some s =>
    let same := p.levelParams == s.levelParams && p.type == s.type
    return s!"\{\"theorem\": {p matches .thmInfo _}, \"same\": {same}, \"sound\": {sound}}"
  | _, _ => return "{}"
