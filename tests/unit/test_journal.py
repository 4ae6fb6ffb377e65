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


def test_entries_are_read_in_order_after_several_openings(tmp_path):
    path = tmp_path / "deep" / "0.jsonl"
    write(path, {"n": 1}, {"text": "line\nbreak and ünïcode"})
    write(path, {"n": 2})
    assert read(path) == [{"n": 1}, {"text": "line\nbreak and ünïcode"}, {"n": 2}]


@pytest.mark.parametrize("lost", range(1, 12))
def test_a_torn_last_line_is_dropped_and_later_entries_follow_the_intact_ones(tmp_path, lost):
    path = tmp_path / "0.jsonl"
    write(path, {"n": 1}, {"n": 22222})
    path.write_bytes(path.read_bytes()[:-lost])
    write(path, {"n": 3})
    assert read(path) == [{"n": 1}, {"n": 3}]


def test_a_journal_torn_in_its_first_line_starts_over(tmp_path):
    path = tmp_path / "0.jsonl"
    path.write_bytes(b'{"setti')
    assert read(path) == []
    write(path, {"n": 1})
    assert read(path) == [{"n": 1}]


def test_a_journal_of_other_settings_is_set_aside_until_they_return(tmp_path, capsys):
    path = tmp_path / "0.jsonl"
    write(path, {"n": 1}, settings="0.6 warm")
    assert read(path, settings="0.8 hot") == []
    assert "has other settings, kept as 0.jsonl.0.6 warm" in capsys.readouterr().err
    write(path, {"n": 2}, settings="0.8 hot")
    assert read(path, settings="0.6 warm") == [{"n": 1}]
    assert read(path, settings="0.8 hot") == [{"n": 2}]


@given(data=st.data())
def test_entries_before_a_flipped_bit_are_kept_and_no_corrupt_entry_is_read(tmp_path_factory, data):
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


def test_an_appended_entry_is_on_disk_before_the_journal_is_closed(tmp_path):
    path = tmp_path / "0.jsonl"
    journal = Journal(path, "s")
    journal.append({"n": 1})
    assert path.read_bytes().endswith(b'{"n": 1}\n')  # a killed process loses nothing that was appended
    journal.close()


RENAMED = """
import ctypes, os, socket, sys, time

# own host name, so that no other process sees the change; must precede imports that start threads
CLONE_NEWUTS, CLONE_NEWUSER = 0x04000000, 0x10000000
flags = CLONE_NEWUTS if os.geteuid() == 0 else CLONE_NEWUTS | CLONE_NEWUSER
assert ctypes.CDLL(None, use_errno=True).unshare(flags) == 0, os.strerror(ctypes.get_errno())

from monkeys.sampling import journal
journal.LEASE_SECONDS = 1.5
with journal.Journal(sys.argv[1], "s") as opened:
    socket.sethostname("elsewhere")
    for number in range(3):
        time.sleep(0.6)
        opened.append({"n": number})
"""


def test_a_host_name_may_change_while_a_job_runs(root, tmp_path):
    path = tmp_path / "0.jsonl"
    environment = {**os.environ, "PYTHONPATH": str(root / "workflow/scripts")}
    subprocess.run([sys.executable, "-c", RENAMED, str(path)], env=environment, check=True)
    assert read(path) == [{"n": 0}, {"n": 1}, {"n": 2}]


@pytest.fixture
def stale_journal(tmp_path, monkeypatch):
    """A journal whose process has not checked its lock for a while."""
    monkeypatch.setattr(journals, "LEASE_SECONDS", 3.0)
    with Journal(tmp_path / "0.jsonl", "s") as journal:
        time.sleep(1.2)
        yield journal


def test_a_briefly_unreadable_lock_is_checked_again(stale_journal):
    marker = Path(f"{stale_journal.path}.lock")
    moved = marker.rename(marker.with_suffix(".moved"))
    threading.Timer(0.5, lambda: moved.rename(marker)).start()
    stale_journal.append({"n": 1})
    assert list(stale_journal.entries()) == [{"n": 1}]


def test_a_lock_taken_by_another_process_stops_the_former_holder(stale_journal):
    marker = Path(f"{stale_journal.path}.lock")
    other = marker.read_text().replace(f"pid={os.getpid()}\n", "pid=1\n").replace("token=", "token=0")
    marker.write_text(other)
    with pytest.raises(RuntimeError, match=r"0.jsonl.lock was lost: process 1 on .* holds it; run again to resume"):
        stale_journal.append({"n": 1})
    assert list(stale_journal.entries()) == []


def test_a_deleted_lock_file_stops_its_holder(stale_journal):
    Path(f"{stale_journal.path}.lock").unlink()
    with pytest.raises(RuntimeError, match=r"was lost: its file (is gone|cannot be read)"):
        stale_journal.append({"n": 1})
