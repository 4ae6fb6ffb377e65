/-- Facts about `proof` from the kernel's environment, as JSON: whether it is a theorem, whether it states exactly what
`statement` states (universe level names included), and whether it depends only on allowed axioms. -/
def monkeysVerdict (proof statement : Lean.Name) (allowed : List Lean.Name) : Lean.Elab.Command.CommandElabM String := do
  let environment := (← Lean.getEnv).checked.get
  let axioms ← Lean.collectAxioms proof
  let sound := axioms.toList.foldl (· && allowed.contains ·) true
  match environment.find? proof, environment.find? statement with
  | some p, some s =>
    let same := p.levelParams == s.levelParams && p.type == s.type
    return s!"\{\"theorem\": {p matches .thmInfo _}, \"same\": {same}, \"sound\": {sound}}"
  | _, _ => return "{}"
