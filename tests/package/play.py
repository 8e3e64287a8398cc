"""An admin plays with the installed package and the simulated CRMs, as the service's user.

    play.py begin PROGRAM ROOT UID GID STATE     from init to tasks in a CRM, with everything that goes wrong on the way
    play.py end PROGRAM ROOT UID GID STATE       after the upgrade: the state goes on, and the run is undone

STATE is a file in which `begin` leaves for `end` where the CRMs are and which run to undo. The CRMs are served by the caller:
their addresses come on standard input as `followupd sandbox` prints them. Every message is looked at: cause and fix must be there.
What happens to the machine itself is played by trouble.py.
"""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import trouble
from admin import Admin, Crm, check, created, names_cause_and_fix

NAMES = ("hubspot", "salesforce", "zoho")
ADDRESS = {"hubspot": "base_url", "salesforce": "login_url", "zoho": "accounts_url"}


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
    # Nobody else searches in this account.
    admin.edit("followupd.toml", "[connections.hubspot]\n", "[connections.hubspot]\nsearch_per_second = 5\n")
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
                             "company": "Acme", "form": "demo", "owner": hubspot.owners()[0]})
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
    salesforce.control("neighbour", {"requests": 41000})
    admin.cycle(status=(0, 1))
    doctor = admin.asked("doctor", status=1)
    told = [finding for finding in doctor["problems"] if finding["code"] == "quota_others"]
    check(told and told[0]["where"] == "salesforce" and told[0]["fix"], "a neighbour is named", doctor["problems"])


def reloaded(admin):
    """A running daemon keeps the old configuration while the new one is broken. Answers its metrics."""
    daemon = admin.start("run", "--clock", "sandbox", stdin=subprocess.DEVNULL)

    try:
        admin.heard(daemon, "cycle done")
        admin.edit("followupd.toml", "api_share", "api_shar")
        told = admin.run("check-config", status=2)
        check("followupd.toml:" in told and "did you mean `api_share`" in told, "a typing error is named", told)
        daemon.send_signal(signal.SIGHUP)
        admin.heard(daemon, "the old one stays in force")
        admin.edit("followupd.toml", "api_shar ", "api_share ")
        daemon.send_signal(signal.SIGHUP)
        admin.heard(daemon, "taking up the new configuration")
        admin.heard(daemon, "cycle done")
        ask_while_it_reopens(admin)
        metrics = monitored(admin, daemon)
        daemon.send_signal(signal.SIGTERM)
        _, said = daemon.communicate(timeout=60)
        check(daemon.returncode == 0, f"a daemon that is stopped ends well, not with {daemon.returncode}", said)
    finally:
        daemon.kill()
    return metrics


def monitored(admin, daemon):
    """Health is asked for while the daemon runs: a reload begins to serve it. Answers the metrics."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with open(admin.config, "a") as file:
        file.write(f'\n[health]\nlisten = "127.0.0.1:{port}"\n')
    daemon.send_signal(signal.SIGHUP)
    admin.heard(daemon, "taking up the new configuration")
    for path, words in (("healthz", "ok"), ("metrics", "followupd_connection_state")):
        said = ""
        for _ in range(60):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
                said = answer.read().decode()
            if words in said:
                break
            time.sleep(0.5)
        check(words in said, f"/{path} answers", said)
    return said


def ask_while_it_reopens(admin):
    """Between two lives of a daemon nobody holds the state: questions may be refused then, and never keep it from going on."""
    is_answered = False
    for _ in range(60):
        if is_answered := admin.status("status", "--clock", "sandbox") in (0, 1):
            break
        time.sleep(0.5)
    check(is_answered, "the daemon answers again")


def begin(admin, ready, place):
    crms = {name: Crm(ready[name][ADDRESS[name]], ready[name].get("access_token")) for name in NAMES}
    set_up(admin, ready)
    looked_at(admin)
    wrote = watched_then_enforced(admin, crms["hubspot"])
    login_lost_and_found(admin, crms["hubspot"])
    quota_eaten(admin, crms["salesforce"])
    with open(place + ".metrics", "w") as file:
        file.write(reloaded(admin))
    trouble.play(admin, crms["hubspot"], place + ".disk")
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
            json.dump(begin(admin, json.load(sys.stdin), path), file)
    else:
        with open(path) as file:
            end(admin, json.load(file))


main()
