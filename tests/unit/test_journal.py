import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monkeys.sampling import journal as journals
from monkeys.sampling.journal import Journal


def write(path, *entries, settings="s"):
    with Journal(path, settings) as journal:
        for entry in entries:
            journal.append(entry)


def read(path, settings="s"):
    with Journal(path, settings) as journal:
        return list(journal.entries())


def test_entries_come_back_in_order_over_several_openings(tmp_path):
    path = tmp_path / "deep" / "0.jsonl"
    write(path, {"n": 1}, {"text": "line\nbreak and ünïcode"})
    write(path, {"n": 2})
    assert read(path) == [{"n": 1}, {"text": "line\nbreak and ünïcode"}, {"n": 2}]


@pytest.mark.parametrize("lost", range(1, 12))
def test_a_torn_last_line_is_dropped_and_writing_goes_on_behind_the_rest(tmp_path, lost):
    path = tmp_path / "0.jsonl"
    write(path, {"n": 1}, {"n": 22222})
    path.write_bytes(path.read_bytes()[:-lost])
    write(path, {"n": 3})
    assert read(path) == [{"n": 1}, {"n": 3}]


def test_a_journal_torn_in_its_first_line_is_begun_again(tmp_path):
    path = tmp_path / "0.jsonl"
    path.write_bytes(b'{"setti')
    assert read(path) == []
    write(path, {"n": 1})
    assert read(path) == [{"n": 1}]


def test_samples_of_other_settings_are_not_continued_but_kept_until_those_return(tmp_path, capsys):
    path = tmp_path / "0.jsonl"
    write(path, {"n": 1}, settings="0.6 warm")
    assert read(path, settings="0.8 hot") == []
    assert "has other settings, kept as 0.jsonl.0.6 warm" in capsys.readouterr().err
    write(path, {"n": 2}, settings="0.8 hot")
    assert read(path, settings="0.6 warm") == [{"n": 1}]
    assert read(path, settings="0.8 hot") == [{"n": 2}]


@given(data=st.data())
def test_whatever_bit_flips_the_entries_before_it_are_kept_and_no_wrong_one_is_read(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("journal") / "0.jsonl"
    entries = [{"n": n, "text": "x" * n} for n in range(6)]
    write(path, *entries)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    before = bytes(content[:place]).count(b"\n")
    assert read(path) == entries[: max(0, before - 1)]
    write(path, {"n": "new"})
    assert read(path) == [*entries[: max(0, before - 1)], {"n": "new"}]


def test_an_appended_entry_is_there_before_the_journal_is_closed(tmp_path):
    path = tmp_path / "0.jsonl"
    journal = Journal(path, "s")
    journal.append({"n": 1})
    assert path.read_bytes().endswith(b'{"n": 1}\n')  # a killed process loses nothing that was appended
    journal.close()


RENAMED = """
import ctypes, os, socket, sys, time

# a host name of its own, which no other process sees change; before any import starts threads
new_names, new_users = 0x04000000, 0x10000000
wanted = new_names if os.geteuid() == 0 else new_names | new_users
assert ctypes.CDLL(None, use_errno=True).unshare(wanted) == 0, os.strerror(ctypes.get_errno())

from monkeys.sampling import journal
journal.LEASE_SECONDS = 1.5
with journal.Journal(sys.argv[1], "s") as opened:
    socket.sethostname("elsewhere")
    for number in range(3):
        time.sleep(0.6)
        opened.append({"n": number})
"""


def test_a_machine_may_change_its_name_while_a_job_runs(root, tmp_path):
    path = tmp_path / "0.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow/scripts")}
    subprocess.run([sys.executable, "-c", RENAMED, str(path)], env=environment, check=True)
    assert read(path) == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.fixture
def late(tmp_path, monkeypatch):
    """A journal of a process that has not looked at its lock for a while."""
    monkeypatch.setattr(journals, "LEASE_SECONDS", 3.0)
    with Journal(tmp_path / "0.jsonl", "s") as journal:
        time.sleep(1.2)
        yield journal


def test_a_lock_that_cannot_be_read_for_a_moment_is_looked_at_again(late):
    marker = Path(f"{late.path}.lock")
    away = marker.rename(marker.with_suffix(".away"))
    threading.Timer(0.5, lambda: away.rename(marker)).start()
    late.append({"n": 1})
    assert list(late.entries()) == [{"n": 1}]


def test_a_lock_that_another_process_took_stops_the_loser_who_says_so(late):
    marker = Path(f"{late.path}.lock")
    other = marker.read_text().replace(f"pid={os.getpid()}\n", "pid=1\n").replace("token=", "token=0")
    marker.write_text(other)
    with pytest.raises(RuntimeError, match=r"0.jsonl.lock was lost: process 1 on .* holds it; run again to resume"):
        late.append({"n": 1})
    assert list(late.entries()) == []


def test_a_lock_whose_file_is_gone_for_good_stops_its_holder(late):
    Path(f"{late.path}.lock").unlink()
    with pytest.raises(RuntimeError, match=r"was lost: its file (is gone|cannot be read)"):
        late.append({"n": 1})
