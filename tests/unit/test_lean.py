import dataclasses
import json
import os
import re
import time
from pathlib import Path

import pytest

from monkeys import verification
from monkeys.verification import Lean, Settings, Verdict
from monkeys.verification.lean import bans, completion, installation, session, statement
from monkeys.verification.lean.installation import LeanError
from monkeys.verification.lean.repl import CommandFailed, Repl
from monkeys.verification.lean.session import Session
from monkeys.verification.sandbox import Limits
from monkeys.verification.verifiers.lean import Verifier

RECORDED = json.loads((Path(__file__).parents[1] / "lean/lean_messages.json").read_text())
CASES = {case["name"]: case for case in RECORDED["cases"]}
TERM = {"problem_id": "term", "reference": "theorem right_term (a b : Nat) (h : a = b) : b = a := sorry"}
RIGHT = "  exact h ▸ rfl"

UNDECIDED = Verdict("verifier_error", certain=False)


@pytest.fixture
def settings(lean_stand_in):
    return Settings(cpu_seconds=1, memory_mb=2048, allow_unsandboxed=True, lean=Lean(**lean_stand_in))


@pytest.fixture
def judge(settings):
    with Verifier(settings) as judge:
        yield judge


@pytest.fixture
def starts(monkeypatch):
    """List of the REPLs started."""
    started = []

    class Counted(Repl):
        def __init__(self, *arguments):
            started.append(self)
            super().__init__(*arguments)

    monkeypatch.setattr(session, "Repl", Counted)
    return started


def verdicts(judge, problem, *proofs):
    return list(judge.verify(problem, proofs))


# The proof in a sample


@pytest.mark.parametrize(
    ("text", "proof"),
    [
        ("  omega\n)\n```\nWrite a lean4 proof", "  omega"),
        ("  exact (h (a) b)\n  ring)\n  more", "  exact (h (a) b)\n  ring"),
        ("  omega\n```\nomega)", "  omega"),
        ("  omega\n\nWrite a lean4 proof", "  omega"),
        ("  omega", "  omega"),
        ("  omega  \n\n\t\n  ring \r\n)", "  omega\n  ring"),
        ("  omega -- easy :)\n  ring)", "  omega\n  ring"),
        ("  /- a ) /- b ) -/ -/ omega\n  ring)", 22 * " " + "omega\n  ring"),
        ('  exact f ")" r#")"#\n)', '  exact f ")" r#")"#'),
        ("  exact f ')' '\\'' h' (g'')\n)", "  exact f ')' '\\'' h' (g'')"),
        ("  rw [f '' s, g ⁻¹' (t)]\n)", "  rw [f '' s, g ⁻¹' (t)]"),
        ("  omega /- no end )\n)", "  omega /- no end )\n)"),
        ("  -- thinking\n)", None),
        (")", None),
        ("", None),
    ],
)
def test_a_proof_ends_at_the_bracket_that_closes_the_prompt_and_comments_are_removed(judge, text, proof):
    assert judge.extract(text) == proof


def test_proofs_that_differ_only_in_layout_are_extracted_as_equal(judge):
    texts = ["  norm_num\n  linarith\n)", "  norm_num  -- by computation\n\n  linarith)\n```", "  norm_num\n  linarith"]
    assert {judge.extract(text) for text in texts} == {"  norm_num\n  linarith"}


# Statements


def test_published_statements_are_parsed_and_reassembled_unchanged(shared_data):
    with (shared_data / "hub/minif2f-lean4/test.jsonl").open() as file:
        rows = [row for row in map(json.loads, file) if "mathd" in row["id"]]
    assert len(rows) == 130
    for row in rows:
        text = "\n".join(
            line.removeprefix("-- ") for line in row["formal_statement"].split("\n") if "Error:" not in line
        )
        verification.check("lean", {"problem_id": row["id"], "reference": text})
        parsed = statement.parse(text)
        assert parsed.name == row["id"]
        assert parsed.with_proof("sorry").split() == text.split()


def test_known_proofs_pass_extraction_and_the_scan_unchanged(judge, shared_data):
    with (shared_data / "proofs/minif2f_known_proofs_27.jsonl").open() as file:
        rows = [json.loads(line) for line in file]
    assert len(rows) == 27
    for row in rows:
        proof = judge.extract(f"  {row['proof']}\n)\n```\n\nWrite a lean4 proof")
        assert (proof, bans.find_banned(proof)) == (f"  {row['proof']}", None)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (None, "must be a string"),
        ("theorem t : 1 = 1 := by norm_num", "ends in `:= sorry`"),
        ("lemma t : 1 = 1 := sorry", "must be one theorem"),
        ("-- theorem t : 1 = 1 := sorry", "outside comments"),
        ("/- theorem t : 1 = 1 := sorry -/", "outside comments"),
        ("theorem s : True := sorry\ntheorem t : 1 = 1 := sorry", "one plain statement; `sorry` leaves"),
        ("axiom a : False\ntheorem t : 1 = 1 := sorry", "must be one theorem"),
        ("theorem t : 1 = 1 := trivial\naxiom a : False := sorry", "`axiom` declares"),
        ("theorem t (h : (1 = 1) : 1 = 1 := sorry", "brackets .* do not match"),
        ("theorem t (s : Fin [3) : 1 = 1 := sorry", "brackets .* do not match"),
    ],
)
def test_a_reference_that_is_not_one_open_statement_is_an_error(reference, message):
    with pytest.raises(ValueError, match=f"problem p cannot be verified by lean: .*{message}"):
        verification.check("lean", {"problem_id": "p", "reference": reference})


@pytest.mark.parametrize("end", [":= sorry", ":= by sorry", ":=\n  by\n  sorry\n", ":="])
def test_all_common_endings_of_statements_are_accepted(end):
    assert statement.parse(f"/-- Doc. -/\ntheorem t : 1 = 1 {end}") == statement.Statement("t", " : 1 = 1")


# Proofs rejected without Lean

BANNED = {
    "1 sorry": "sorry",
    "1 sorry in quotes": "exact «sorry»",
    "1 sorryAx": "exact sorryAx _",
    "1 Lean.sorryAx": "exact Lean.sorryAx _ false",
    "1 admit": "admit",
    "1 exact?": "exact?",
    "1 apply?": "all_goals apply?",
    "2 axiom": "trivial)\naxiom cheat : False\nexample : True := by (trivial",
    "3 native_decide": "native_decide",
    "3 decide +native": "decide +native",
    "3 decide with a config": "decide (config := {native := true})",
    "3 ofReduceBool": "exact Lean.ofReduceBool _ _ rfl",
    "3 trustCompiler": "have := Lean.trustCompiler",
    "4 notation": 'trivial)\nlocal notation "x" => 1\nexample : True := by (trivial',
    "4 macro": 'trivial)\nmacro "omega" : tactic => `(tactic| trivial)',
    "4 attribute": "trivial)\nattribute [simp] foo",
    "4 open hiding": "open Nat hiding add in trivial",
    "5 another theorem": "trivial)\ntheorem t : True := by (trivial",
    "5 end": "trivial)\nend",
    "5 comment without end": "trivial /- ",
    "5 variable": "trivial)\nvariable (h : False)",
    "6 skipKernelTC": "set_option debug.skipKernelTC true in trivial",
    "6 run_tac": "run_tac Lean.Elab.Tactic.done",
    "6 by_elab": "exact by_elab return .const ``True []",
    "6 eval%": "exact eval% 1",
    "6 #eval": 'trivial)\n#eval IO.println "x"',
    "6 implemented_by": "let rec @[implemented_by f] g := 1",
    "6 in what may be a string": 's!"{f "}" + sorry',
}


@pytest.mark.parametrize("proof", BANNED.values(), ids=BANNED)
def test_visible_cheating_is_judged_wrong_without_starting_lean(judge, starts, proof):
    assert verdicts(judge, TERM, proof) == [Verdict("wrong")]
    assert starts == []


@pytest.mark.parametrize(
    "proof",
    [
        "exact sorry_lemma native_lemma axiomatic",
        "exact sorry' end₁",
        "open Real in norm_num",
        "set_option maxHeartbeats 400000 in nlinarith [sq_nonneg (a - b)]",
        "simp? [h]\naesop?",
        "exact ⟨h.1, by decide +kernel⟩",
        "cases' h with x hx\nobtain ⟨y, rfl⟩ := h₁\n· refine' foo _ ?_",
    ],
)
def test_constructs_of_honest_proofs_are_not_banned(proof):
    assert bans.find_banned(proof) is None


# Lean's messages, recorded and replayed by a scripted REPL


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_verdicts_follow_recorded_messages_of_a_real_lean(settings, case):
    """Including proofs that the scan rejects: the scan is not the only defence."""
    alone = Session(installation.find(settings.lean, True), settings)
    problem = {"problem_id": case["name"], "reference": case["statement"]}
    try:
        assert alone.verdict(problem, case["proof"]) == Verdict(case["outcome"])
    finally:
        alone.close()


def test_versions_and_settings_of_lean_are_recorded(judge):
    assert verdicts(judge, TERM, RIGHT, "  sorry", RIGHT) == [
        Verdict("correct"),
        Verdict("wrong"),
        Verdict("correct"),
    ]
    assert judge.guarantees() == {
        "toolchain": "leanprover/lean4:v4.28.0",
        "lean": RECORDED["lean"],
        "mathlib": "8f9d9cf",
        "header": "import Mathlib\nopen BigOperators Real Nat Topology",
        "axioms": ["Classical.choice", "Quot.sound", "propext"],
        "bubblewrap": installation.find(judge.settings.lean, True).bubblewrap,
    }


def test_a_statement_rejected_by_lean_is_a_verifier_error(judge, capfd):
    problem = {"problem_id": "old", "reference": "theorem again (a b : Nat) (h : a = b) : b = a := sorry"}
    assert verdicts(judge, problem, RIGHT, "  simp") == [Verdict("verifier_error")] * 2
    stderr = capfd.readouterr().err
    assert re.search("problem old cannot be judged with this Lean .*`again` has already been declared", stderr)


# REPLs that fail


@pytest.mark.parametrize(
    ("proof", "verdict"),
    [
        ("fault_die", dataclasses.replace(UNDECIDED, repeat_outcome="runtime_error")),
        ("fault_empty", UNDECIDED),
        ("fault_garbage", UNDECIDED),
        ("fault_no_object", UNDECIDED),
        ("fault_unknown", UNDECIDED),
        ("fault_timeout", UNDECIDED),
        ("fault_flood", Verdict("output_limit")),
        ("fault_memory", Verdict("memory_limit")),
        ("fault_spin", Verdict("timeout")),
    ],
)
def test_a_failing_repl_is_replaced_and_its_proof_is_neither_right_nor_wrong(judge, starts, proof, verdict):
    assert verdicts(judge, TERM, proof, RIGHT) == [verdict, Verdict("correct")]
    assert len(starts) == 2


def test_a_sleeping_proof_times_out_without_certainty(judge, monkeypatch):
    assert verdicts(judge, TERM, RIGHT) == [Verdict("correct")]
    monkeypatch.setattr(Limits, "wall_seconds", 1)
    assert verdicts(judge, TERM, "fault_sleep") == [Verdict("timeout", certain=False)]


def test_a_proof_that_runs_out_of_memory_after_others_is_rejudged_in_a_new_process(judge, starts):
    assert verdicts(judge, TERM, RIGHT, "fault_memory") == [Verdict("correct"), Verdict("memory_limit")]
    assert len(starts) == 2


def test_unexpected_repl_responses_are_verifier_errors(judge):
    assert verdicts(judge, TERM, "  unheard of", RIGHT) == [UNDECIDED, Verdict("correct")]
    problem = {"problem_id": "p", "reference": "theorem unheard (a : Nat) : a = a := sorry"}
    assert verdicts(judge, problem, "  rfl") == [Verdict("verifier_error")]


def test_repls_are_restarted_after_proofs_per_process_proofs(settings, starts):
    lean = dataclasses.replace(settings.lean, proofs_per_process=2)
    with Verifier(dataclasses.replace(settings, lean=lean)) as judge:
        assert verdicts(judge, TERM, *[RIGHT] * 5) == [Verdict("correct")] * 5
    assert len(starts) == 3


def test_no_process_is_left_behind(settings, starts):
    with Verifier(settings) as judge:
        verdicts(judge, TERM, "fault_die", RIGHT)
    ids = [repl._process_id for repl in starts]
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{number}").exists() for number in ids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{number}").exists() for number in ids)


@pytest.mark.needs("bubblewrap")
def test_a_repl_can_access_only_what_it_needs(settings):
    repl = Repl(installation.find(settings.lean, allow_unsandboxed=False), settings.memory_mb)
    try:
        with pytest.raises(CommandFailed) as reason:
            repl.run("fault_look", None, Limits())
    finally:
        repl.close()
    text = str(reason.value)
    seen = json.loads(text[text.index("{") : text.rindex("}") + 1])["message"]
    assert (seen["processes"], seen["written"], seen["interfaces"]) == (1, False, ["lo"])
    assert set(seen["environment"]) - {"LC_CTYPE", "PWD"} == {"HOME", "LEAN_PATH", "LEAN_SYSROOT", "PATH"}


# Installations


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"project": None}, "verification.lean.project is not set: .*docs/lean.md"),
        ({"project": "/nowhere"}, "verification.lean.project is /nowhere: it must be a folder"),
        ({"repl": None}, "verification.lean.repl is not set: .*docs/lean.md"),
        ({"repl": "/etc/passwd"}, "verification.lean.repl is /etc/passwd: it must be the exec"),
        ({"toolchain": "leanprover/lean4:v4.34.0"}, "is leanprover/lean4:v4.34.0, but .* has leanprover/lean4:v4.28.0"),
    ],
)
def test_errors_name_the_missing_part_of_an_installation(settings, change, message):
    with pytest.raises(LeanError, match=message):
        Verifier(dataclasses.replace(settings, lean=dataclasses.replace(settings.lean, **change)))


def test_without_bubblewrap_the_risk_must_be_accepted(settings, monkeypatch):
    monkeypatch.setattr(installation, "_works", lambda readable: False)
    with pytest.raises(LeanError, match=r"bubblewrap .* or accept the risk with verification.allow_unsandboxed: true"):
        Verifier(dataclasses.replace(settings, allow_unsandboxed=False))
    with Verifier(settings) as judge:
        assert verdicts(judge, TERM, RIGHT, "fault_spin") == [Verdict("correct"), Verdict("timeout")]
        assert judge.guarantees()["bubblewrap"] is False


# A real Lean


@pytest.mark.skipif("LEAN_REPL" not in os.environ, reason="set LEAN_PROJECT and LEAN_REPL to ask a real Lean")
def test_verdicts_of_a_real_lean_agree(shared_data):
    lean = Lean(project=os.environ["LEAN_PROJECT"], repl=os.environ["LEAN_REPL"])
    with (shared_data / "proofs/minif2f_known_proofs_27.jsonl").open() as file:
        known = {row["name"]: row["proof"] for row in map(json.loads, file)}
    with (shared_data / "hub/minif2f-lean4/test.jsonl").open() as file:
        rows = [row for row in map(json.loads, file) if row["id"] in known]
    settings = Settings(cpu_seconds=60, memory_mb=16384, lean=lean)
    outcomes = {}
    with Verifier(settings) as judge:
        for row in rows:
            problem = {"problem_id": row["id"], "reference": row["formal_statement"]}
            proofs = [completion.extract_proof(f"  {known[row['id']]}\n)"), "  frobnicate"]
            right, wrong = judge.verify(problem, proofs)
            outcomes[row["id"]] = right.outcome
            assert wrong == Verdict("wrong")
    print(outcomes)
    # lemmas may have been renamed since these were written, but no proof may fail for another reason
    assert set(outcomes.values()) <= {"correct", "wrong"}
    assert list(outcomes.values()).count("correct") > 20
    alone = Session(installation.find(lean, False), settings)
    try:
        for case in CASES.values():
            if case["by_itself"]:
                problem = {"problem_id": case["name"], "reference": case["statement"]}
                assert (case["name"], alone.verdict(problem, case["proof"])) == (case["name"], Verdict(case["outcome"]))
    finally:
        alone.close()
