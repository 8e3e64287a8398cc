"""What happens to the machine the daemon runs on: it is killed, started twice, its disk is full or closed, its clock is wrong.

After each, two things are looked at: what the admin sees, which must be what the book says (docs/failures.md), and that nothing
was lost or done twice: the CRM holds one task for each inquiry. What this machine cannot play is told as SKIPPED.

Mounts are made in the mount namespace of this process (run starts it with one of its own), so nothing of them outlives it.
"""

import contextlib
import os
import re
import signal
import subprocess
import time

from admin import check, created, names_cause_and_fix

CREATE = "POST /crm/objects/2026-09/tasks/batch/create"
BOOK = os.path.join(os.path.dirname(__file__), "../../docs/failures.md")
BY_SANDBOX = ("--clock", "sandbox")
SETTLED = (0, 1)  # another CRM may be in trouble of its own: a neighbour still eats its allowance


class Machine:
    """The admin's machine and a CRM in which people ask for a demo."""

    def __init__(self, admin, hubspot):
        self.admin, self.hubspot = admin, hubspot
        self.owners = hubspot.owners()
        self.asked = 0

    def inquiry(self, after="6m"):
        """Somebody asks for a demo; it is due once `after` has passed."""
        self.asked += 1
        # By turns, so that nobody's cap of tasks a day is what is played.
        owner = self.owners[self.asked % len(self.owners)]
        self.hubspot.control("form", {"email": f"visitor{self.asked}@acme.example.com", "firstname": "Robin",
                                      "lastname": f"Visitor {self.asked}", "company": "Acme", "form": "demo",
                                      "owner": owner})
        self.hubspot.control("advance", {"by": after})

    @contextlib.contextmanager
    def nothing_lost(self, what):
        """Inquiries fall due in the trouble. After it each has its task, and no second one."""
        before, asked = self.hubspot.tasks(), self.asked
        yield before
        wanted = before + self.asked - asked
        # Until every CRM has been read beyond the deadline: another one may know this person too.
        cycles = [self.admin.cycle(status=SETTLED)]
        while self.hubspot.tasks() < wanted and len(cycles) < 4:
            self.hubspot.control("advance", {"by": "5m"})
            cycles.append(self.admin.cycle(status=SETTLED))
        check(self.hubspot.tasks() == wanted, f"{what}: one task for each", wanted, self.hubspot.tasks(), cycles)
        self.hubspot.control("advance", {"by": "5m"})
        check(created(self.admin.cycle(status=SETTLED)) == 0, f"{what}: and no second one")
        told = self.admin.run("store", "verify")
        check("are fine" in told, f"{what}: journal and cache are whole", told)


def as_the_book_says(event, told):
    """What the book's row shows in its last column was told, word for word but for its dots."""
    with open(BOOK) as book:
        rows = [line.split("|") for line in book if line.startswith("| ")]
    row = next((row for row in rows if row[1].strip() == event), None)
    check(row is not None, f"the book has a row: {event}")
    # What is a word alone is a name: of a command, of a code.
    shown = [words for words in re.findall(r"`([^`]+)`", row[-2]) if " " in words]
    check(shown, f"the book shows what is seen: {event}")
    plain = re.sub(r"\s+", " ", told.replace("`", ""))
    for words in shown:
        place = 0
        for part in filter(None, (part.strip() for part in words.split("…"))):
            place = plain.find(part, place)
            check(place >= 0, f"{event}: the book shows “{part}”, which was not told", told)


def killed(machine):
    """Between a request that creates a task and its answer, with nobody to clean up."""
    admin, hubspot = machine.admin, machine.hubspot
    with machine.nothing_lost("kill -9"):
        machine.inquiry()
        hubspot.control("faults", [{"match": CREATE, "kind": "delay:60s", "times": 1}])
        sent = hubspot.requests("tasks/batch/create")
        daemon = admin.start("run", *BY_SANDBOX, stdin=subprocess.DEVNULL)
        try:
            is_sent = within(60, lambda: minute_passes(hubspot) and hubspot.requests("tasks/batch/create") > sent)
        finally:
            daemon.kill()
            _, said = daemon.communicate()
        check(is_sent, "the daemon creates the task", said)
        check(os.path.exists(admin.state + "/control.sock"), "nobody cleaned up")
        hubspot.control("faults", [])
        told = admin.run("status", *BY_SANDBOX, status=SETTLED)
        as_the_book_says("`kill -9`, power cut", told)


def started_twice(machine):
    """Whoever comes second goes; the first one works on."""
    admin, hubspot = machine.admin, machine.hubspot
    with machine.nothing_lost("a second instance"):
        machine.inquiry()
        daemon = admin.start("run", *BY_SANDBOX, stdin=subprocess.DEVNULL)
        try:
            admin.heard(daemon, "cycle done")
            for words in (["run"], ["run", "--once"], ["store", "verify"]):
                told = admin.run(*words, *BY_SANDBOX, status=4)
                names_cause_and_fix(told, "in use by another followupd")
                as_the_book_says("A second instance on the directory", told)
            admin.run("status", status=SETTLED)
            daemon.send_signal(signal.SIGTERM)
            _, said = daemon.communicate(timeout=60)
            check(daemon.returncode == 0, "the first one works on until it is stopped", said)
        finally:
            daemon.kill()


def disk_full(machine, disk):
    """Under a running daemon, and before a start. What fits into the last block of a file is still written: time goes by."""
    admin, hubspot = machine.admin, machine.hubspot
    event = "The disk is full"
    with machine.nothing_lost("a full disk"):
        daemon = admin.start("run", *BY_SANDBOX, stdin=subprocess.DEVNULL)
        try:
            admin.heard(daemon, "cycle done")
            disk.fill()
            machine.inquiry()
            within(120, lambda: minute_passes(hubspot) and daemon.poll() is not None)
            check(daemon.poll() == 4, f"the daemon ends with status 4, not {daemon.poll()}")
            _, said = daemon.communicate()
            names_cause_and_fix(said, "No space left on device")
            as_the_book_says(event, said)
        finally:
            daemon.kill()
        before = hubspot.tasks()
        machine.inquiry()
        for words in (["run", "--once"], ["run"]):
            said = admin.run(*words, *BY_SANDBOX, status=4)
            names_cause_and_fix(said, "No space left on device")
            as_the_book_says(event, said)
        check(hubspot.tasks() == before, "nothing is sent that could not be written down")
        found = admin.asked("doctor", status=4)["problems"]
        check(any(one["code"] == "disk_low" and one["fix"] for one in found), "the doctor sees the disk", found)
        disk.empty()


def disk_closed(machine, disk):
    admin, hubspot = machine.admin, machine.hubspot
    with machine.nothing_lost("a read-only directory") as before:
        machine.inquiry()
        disk.close()
        for words in (["run", "--once"], ["run"], ["status"]):
            told = admin.run(*words, *BY_SANDBOX, status=4)
            names_cause_and_fix(told, "Read-only file system")
            as_the_book_says("The directory is read-only", told)
        found = admin.asked("doctor", status=4)["problems"]
        check(all(one["fix"] for one in found if one["severity"] == "error"), "the doctor says what mends it", found)
        check(hubspot.tasks() == before, "nothing is sent")
        disk.open()


def clock_off(machine, library):
    """The machine's own clock, a day ahead and a day behind: the daemon does not act by it, and goes on when it is right."""
    admin, hubspot = machine.admin, machine.hubspot

    def at(days, *words, status):
        return admin.run(*words, status=status, env=by_clock(library, hubspot.now(), days))

    for days, way in ((1, "ahead of"), (-1, "behind")):
        before = hubspot.tasks()
        machine.inquiry(after="1m")
        told = at(days, "run", "--once", status=5)
        names_cause_and_fix(told, f"clock is (23 h 59|24 h 0) min {way} that of the CRM")
        as_the_book_says("The clock jumps", told)
        check(re.search("clock is .* " + way, at(days, "status", status=1)), "status shows it")
        found = at(days, "doctor", status=3)
        check(re.search(f"clock_skew.* s {way} that of", found) and "fix: let the clock" in found, "the doctor sees it", found)
        check(hubspot.tasks() == before, f"a day {way}: no task, nothing was due", hubspot.tasks())
        at(0, "run", "--once", status=SETTLED)
        check(hubspot.tasks() == before, "with the right clock it is not due yet")
        hubspot.control("advance", {"by": "5m"})
        at(0, "run", "--once", status=SETTLED)
        check(hubspot.tasks() == before + 1, f"a day {way}: one task once it is due", hubspot.tasks())
    at(0, "run", "--once", status=SETTLED)
    check(hubspot.tasks() == before + 1, "and no second one", hubspot.tasks())


def by_clock(library, now, days):
    """The surroundings of a program whose clock says that many days more than `now`. Waiting is not touched."""
    begin = subprocess.run(["date", "-u", "-d", f"{now} {days:+d} days", "+@%F %T"], capture_output=True, text=True, check=True)
    return {"LD_PRELOAD": library, "FAKETIME": begin.stdout.strip(), "TZ": "UTC", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def minute_passes(hubspot):
    """Moves the simulated date, and leaves a daemon the time to notice."""
    hubspot.control("advance", {"by": "1m"})
    time.sleep(0.5)
    return True


def within(seconds, is_so):
    """Whether it came to be so."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():
            return True
    return False


class Disk:
    """A small disk of its own under the state directory, for as long as `with` lasts."""

    def __init__(self, admin, place):
        self.state, self.place = admin.state, place
        self.there = place + "/followupd"
        self.ballast = place + "/ballast"

    def __enter__(self):
        os.mkdir(self.place)
        mount("-t", "tmpfs", "-o", "size=64m,mode=755", "tmpfs", self.place)
        subprocess.run(["cp", "-a", self.state, self.there], check=True)
        mount("--bind", self.there, self.state)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", self.state], check=True)
        subprocess.run(["find", self.state, "-mindepth", "1", "-delete"], check=True)
        subprocess.run(["cp", "-a", self.there + "/.", self.state], check=True)
        subprocess.run(["umount", self.place], check=True)
        os.rmdir(self.place)

    def fill(self):
        with contextlib.suppress(OSError), open(self.ballast, "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass

    def empty(self):
        os.remove(self.ballast)

    def close(self):
        mount("-o", "remount,bind,ro", self.state)

    def open(self):
        mount("-o", "remount,bind,rw", self.state)


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def may_mount(place):
    os.mkdir(place)
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, text=True)
    if done.returncode == 0:
        subprocess.run(["umount", place], check=True)
    os.rmdir(place)
    return done.returncode == 0


def play(admin, hubspot, place):
    """All of it; `place` is a path under which nothing is yet."""
    machine = Machine(admin, hubspot)
    killed(machine)
    started_twice(machine)
    if may_mount(place):
        with Disk(admin, place) as disk:
            disk_full(machine, disk)
            disk_closed(machine, disk)
    else:
        print("SKIPPED: a full and a read-only disk: nothing can be mounted here")
    library = os.environ.get("FAKETIME_LIBRARY")
    if library:
        clock_off(machine, library)
    else:
        print("SKIPPED: a wrong clock: libfaketime is missing (in process it is played by "
              "by_a_clock_a_day_off_nothing_is_read_or_written_and_nothing_is_lost)")
