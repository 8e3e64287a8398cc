"""An admin at the console, as the service's user, and the simulated CRMs as their vendors' people would move them."""

import json
import os
import re
import subprocess
import urllib.request


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

    def start(self, *words, env=None, **options):
        return subprocess.Popen(
            [self.program, *words], user=self.uid, group=self.gid, extra_groups=[], env=self.env | (env or {}), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, *words, status=0, typed=None, env=None):
        """What a command printed on both streams; its status must be `status`."""
        child = self.start(*words, env=env, stdin=subprocess.PIPE)
        out, err = child.communicate(typed, timeout=120)
        wanted = status if isinstance(status, tuple) else (status,)
        check(child.returncode in wanted, f"{' '.join(words)}: status {child.returncode}, not {wanted}", out, err)
        return out + err

    def status(self, *words):
        """How a command ended, whatever it printed."""
        child = self.start(*words, stdin=subprocess.DEVNULL)
        child.communicate(timeout=120)
        return child.returncode

    def asked(self, *words, status=0):
        """The answer of a command as JSON, at the simulated date."""
        child = self.start(*words, "--json", "--clock", "sandbox", stdin=subprocess.DEVNULL)
        out, err = child.communicate(timeout=120)
        wanted = status if isinstance(status, tuple) else (status,)
        check(child.returncode in wanted, f"{' '.join(words)}: status {child.returncode}, not {wanted}", out, err)
        return json.loads(out)

    def cycle(self, status=0):
        return self.asked("run", "--once", status=status)

    def heard(self, daemon, words):
        """What a running daemon said until it said `words`."""
        said = ""
        for line in daemon.stderr:
            said += line
            if words in line:
                return said
        check(False, f"the daemon never said: {words}", said)

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

    def owners(self):
        """The ids of those who can be given a task, as HubSpot lists them."""
        return [owner["id"] for owner in self.asked("/crm/owners/2026-09")["results"] if owner["type"] == "PERSON"]

    def tasks(self):
        """How many tasks there are, as HubSpot lists them."""
        return len(self.asked("/crm/objects/2026-09/tasks?limit=100")["results"])

    def now(self):
        return self.asked("/_sandbox/now")["now"]

    def requests(self, endpoint):
        """How many requests came for paths that hold `endpoint`."""
        counts = self.asked("/_sandbox/stats")["by_endpoint"]
        return sum(count for path, count in counts.items() if endpoint in path)

    def asked(self, path):
        request = urllib.request.Request(self.url + path, headers={"authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def control(self, path, body):
        request = urllib.request.Request(
            f"{self.url}/_sandbox/{path}", json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


def names_cause_and_fix(told, cause):
    check(re.search(cause, told) and "Fix:" in told, f"a message that names {cause} and its fix", told)


def created(run):
    return sum(cycle["tasks_created"] for cycle in run["cycles"])
