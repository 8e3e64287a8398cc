"""An admin plays with the installed package and the simulated CRMs, as the service's user.

    play.py begin PROGRAM ROOT UID GID STATE     from init to tasks in a CRM, with everything that goes wrong on the way
    play.py end PROGRAM ROOT UID GID STATE       after the upgrade: the state goes on, and the run is undone

STATE is a file in which `begin` leaves for `end` where the CRMs are and which run to undo. The CRMs are served by the caller:
their addresses come on standard input as `followupd sandbox` prints them. Every message is looked at: cause and fix must be there.
"""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

NAMES = ("hubspot", "salesforce", "zoho")
ADDRESS = {"hubspot": "base_url", "salesforce": "login_url", "zoho": "accounts_url"}


def check(is_so, what, *told):
    if not is_so:
        raise SystemExit("\n".join(["FAILED: " + what, *map(str, told)]))


class Admin:
    def __init__(self, program, root, uid, gid):
        self.program, self.uid, self.gid = program, int(uid), int(gid)
        self.etc = root + "/etc/followupd"
        self.state = root + "/var/lib/followupd"
        self.config = self.etc + "/followupd.toml"
        self.env = {"PATH": os.environ["PATH"], "FOLLOWUPD_CONFIG": self.config}

    def start(self, *words, **options):
        return subprocess.Popen(
            [self.program, *words], user=self.uid, group=self.gid, extra_groups=[], env=self.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, *words, status=0, typed=None):
        """What a command printed on both streams; its status must be `status`."""
        child = self.start(*words, stdin=subprocess.PIPE)
        out, err = child.communicate(typed, timeout=120)
        wanted = status if isinstance(status, tuple) else (status,)
        check(child.returncode in wanted, f"{' '.join(words)}: status {child.returncode}, not {wanted}", out, err)
        return out + err

    def asked(self, *words, status=0):
        """The answer of a command as JSON, at the simulated date."""
        child = self.start(*words, "--json", "--clock", "sandbox", stdin=subprocess.DEVNULL)
        out, err = child.communicate(timeout=120)
        wanted = status if isinstance(status, tuple) else (status,)
        check(child.returncode in wanted, f"{' '.join(words)}: status {child.returncode}, not {wanted}", out, err)
        return json.loads(out)

    def cycle(self, status=0):
        return self.asked("run", "--once", status=status)

    def edit(self, name, old, new):
        path = f"{self.etc}/{name}"
        text = open(path).read()
        check(old in text, f"{old} is not in {path}")
        with open(path, "w") as file:
            file.write(text.replace(old, new))

    def log_in(self, name):
        """`auth login`, with this script as the browser: whatever the consent page answers is followed."""
        child = self.start("auth", "login", name, "--port", "0", "--clock", "sandbox", stdin=subprocess.DEVNULL)
        said = ""
        for line in child.stderr:
            said += line
            if line.startswith("http://"):
                with urllib.request.urlopen(line.strip(), timeout=30) as page:
                    page.read()
                break
        out, err = child.communicate(timeout=60)
        check(child.returncode == 0 and "is logged in" in out, f"auth login {name}", said, out, err)
        check("once, in the CRM:" in said and "what is asked for:" in said, "the login explains itself", said)


class Crm:
    def __init__(self, url, token):
        self.url, self.token = url, token

    def first_owner(self):
        """The id of somebody who can be given a task, as HubSpot lists them."""
        request = urllib.request.Request(
            f"{self.url}/crm/owners/2026-09", headers={"authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["results"][0]["id"]

    def control(self, path, body):
        request = urllib.request.Request(
            f"{self.url}/_sandbox/{path}", json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


def names_cause_and_fix(told, cause):
    check(re.search(cause, told) and "Fix:" in told, f"a message that names {cause} and its fix", told)


def created(run):
    return sum(cycle["tasks_created"] for cycle in run["cycles"])


def set_up(admin, ready):
    for name in NAMES:
        words = ["init", "--non-interactive", "--dir", admin.etc, "--data-dir", admin.state, "--provider", name,
                 "--name", name, "--login", "browser", "--client-id", ready[name]["client_id"], "--secret-from", "-",
                 "--zone", "UTC", "--base-url" if name == "hubspot" else "--login-url", ready[name][ADDRESS[name]]]
        told = admin.run(*words, typed=ready[name]["client_secret"])
        check(f"auth login {name}" in told, "init says what comes next", told)
        check(ready[name]["client_secret"] not in told, "init shows no secret", told)
    again = admin.run(*words, status=2, typed="x")
    names_cause_and_fix(again, "configured already")
    admin.run("check-config")
    told = admin.run("run", "--once", "--clock", "sandbox", status=3)
    check("auth login hubspot" in told, "a cycle before the login says what is missing", told)
    for name in NAMES:
        admin.log_in(name)
    admin.run("auth", "status")


def looked_at(admin):
    first = admin.cycle()
    check(created(first) == 0, "the first cycle only watches", first)
    doctor = admin.asked("doctor", status=(0, 1))
    errors = [finding for finding in doctor["problems"] if finding["severity"] == "error"]
    check(not errors, "the doctor finds nothing that does not work", errors)
    check(all(finding["fix"] for finding in doctor["problems"]), "each finding has its fix", doctor["problems"])


def watched_then_enforced(admin, hubspot):
    """An inquiry comes: it is shown, not written, until somebody says so. Answers the run that wrote."""
    hubspot.control("form", {"email": "priya@acme.example.com", "firstname": "Priya", "lastname": "Nair",
                             "company": "Acme", "form": "demo", "owner": hubspot.first_owner()})
    hubspot.control("advance", {"by": "6m"})
    watched = admin.cycle()
    check(created(watched) == 0, "observing writes nothing", watched)
    plan = admin.asked("plan")
    check(len(plan["would_create"]) == 1, "the plan shows one task", plan)
    admin.edit("followupd.toml", 'mode = "observe"', 'mode = "enforce"')
    admin.run("check-config")
    wrote = admin.cycle()
    check(created(wrote) == 1, "enforcing writes it", wrote)
    check(created(admin.cycle()) == 0, "and no second one")
    return wrote


def login_lost_and_found(admin, hubspot):
    hubspot.control("faults", [{"match": "POST /oauth", "kind": "revoke_token", "times": 1}])
    hubspot.control("advance", {"by": "4h"})
    lost = admin.cycle(status=3)
    told = " ".join(cycle["errors"][0] for cycle in lost["cycles"] if cycle["errors"])
    names_cause_and_fix(told, "refuses the login")
    check("followupd auth login hubspot" in told, "the fix is a command", told)
    hubspot.control("faults", [])
    admin.log_in("hubspot")
    admin.cycle()


def quota_eaten(admin, salesforce):
    salesforce.control("neighbour", {"requests": 4100})
    admin.cycle(status=(0, 1))
    doctor = admin.asked("doctor", status=1)
    told = [finding for finding in doctor["problems"] if finding["code"] == "quota_others"]
    check(told and told[0]["where"] == "salesforce" and told[0]["fix"], "a neighbour is named", doctor["problems"])


def reloaded(admin):
    """A running daemon keeps the old configuration while the new one is broken, and refuses a second daemon."""
    daemon = admin.start("run", "--clock", "sandbox", stdin=subprocess.DEVNULL)

    def until(words):
        said = ""
        for line in daemon.stderr:
            said += line
            if words in line:
                return said
        check(False, f"the daemon never said: {words}", said)

    try:
        until("cycle done")
        second = admin.run("run", "--once", "--clock", "sandbox", status=4)
        names_cause_and_fix(second, "in use by another followupd")
        admin.edit("followupd.toml", "api_share", "api_shar")
        told = admin.run("check-config", status=2)
        check("followupd.toml:" in told and "did you mean `api_share`" in told, "a typing error is named", told)
        daemon.send_signal(signal.SIGHUP)
        until("the old one stays in force")
        admin.edit("followupd.toml", "api_shar ", "api_share ")
        daemon.send_signal(signal.SIGHUP)
        until("taking up the new configuration")
        ask_while_it_reopens(admin)
        until("cycle done")
        admin.run("status", status=(0, 1))
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=60)
        check(daemon.returncode == 0, f"a daemon that is stopped ends well, not with {daemon.returncode}", said)
    finally:
        daemon.kill()


def ask_while_it_reopens(admin):
    """Between two lives of a daemon nobody holds the state: questions may be refused then, and never keep it from going on."""
    for _ in range(6):
        admin.run("status", "--clock", "sandbox", status=(0, 1, 4))


def begin(admin, ready):
    crms = {name: Crm(ready[name][ADDRESS[name]], ready[name].get("access_token")) for name in NAMES}
    set_up(admin, ready)
    looked_at(admin)
    wrote = watched_then_enforced(admin, crms["hubspot"])
    login_lost_and_found(admin, crms["hubspot"])
    quota_eaten(admin, crms["salesforce"])
    reloaded(admin)
    return {"run": next(cycle["run"] for cycle in wrote["cycles"] if cycle["tasks_created"])}


def end(admin, state):
    admin.run("check-config")
    admin.cycle(status=(0, 1))
    undone = admin.asked("undo", state["run"])
    check(len(undone["withdrawn"]) == 1, "the run's task is taken back", undone)
    after = admin.cycle(status=(0, 1))
    check(sum(cycle["tasks_withdrawn"] for cycle in after["cycles"]) == 1, "the task is withdrawn", after)
    for name in NAMES:
        admin.run("auth", "revoke", name)


def main():
    act, program, root, uid, gid, path = sys.argv[1:]
    admin = Admin(program, root, uid, gid)
    if act == "begin":
        with open(path, "w") as file:
            json.dump(begin(admin, json.load(sys.stdin)), file)
    else:
        with open(path) as file:
            end(admin, json.load(file))


main()
