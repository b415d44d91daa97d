
serve() { :; }
prepare() { :; }
decide() { :; }

# A worker looks after its Swarm: when its managers are gone for good, there is another one to join.
look_after() {
  WATCH=/usr/local/lib/clusterform/swarm-watch
  cat >$WATCH <<'PY'
import contextlib, hashlib, os, random, runpy, socket, ssl, time

RUN, STATE, LIB = "/run/clusterform", "/var/lib/clusterform", "/usr/local/lib/clusterform"
engine = runpy.run_path(LIB + "/engine")
call, enter, manager, others, read, E = (engine[n] for n in ("call", "enter", "manager", "others", "read", "E"))


def answers(address, ca):
    """Whether a manager answers there whose Swarm has this authority."""
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError, ValueError), socket.create_connection((host, int(port)), 3) as raw:
        c = ssl.create_default_context(cadata=ca)
        c.check_hostname = False  # nobody but managers has a listener of this authority
        c.verify_flags &= ~ssl.VERIFY_X509_STRICT
        with c.wrap_socket(raw):
            return True
    return False


def watch():
    """Brings a worker whose Swarm is no more to the one that took its place. No manager of the old one answers, and the
    token to join with, which only a working manager makes, is of another authority: so the old one will not come back."""
    info = call("GET", "/info")
    s, lost, left = info["Swarm"], RUN + "/lost", STATE + "/left"
    member = s["LocalNodeState"] != "inactive"
    if not member and not os.path.exists(left):
        return  # somebody took it out
    ca = read(info["DockerRootDir"] + "/swarm/certificates/swarm-root-ca.crt") + "\n"
    known = [m["Addr"] for m in s.get("RemoteManagers") or []] + others(read(STATE + "/endpoints"))
    if member and len(ca) > 1 and any(answers(a, ca) for a in set(known)):
        for path in (lost, left):
            with contextlib.suppress(OSError):
                os.remove(path)
        return
    # Many workers ask the store: more and more seldom, and not at once.
    due, pause = [float(x) for x in read(lost).split()] or [0, 10]
    if time.time() < due:
        return
    with open(lost, "w") as f:
        f.write("%f %f" % (time.time() + pause * random.uniform(0.7, 1.3), min(pause * 1.5, 60)))
    cf = runpy.run_path(LIB + "/cf")
    names = [E["PARAMETERS"] + n for n in ("/join", "/endpoints")]
    p = {x["Name"]: x["Value"].strip() for x in cf["ssm"]("GetParameters", {"Names": names, "WithDecryption": True})["Parameters"]}
    token, endpoints = [p.get(n, "") for n in names]
    if not token or member and int(token.split("-")[-2], 36) == int(hashlib.sha256(ca.encode()).hexdigest(), 16):
        return
    remote = manager(endpoints)
    if not remote:
        return
    cf["say"]("joining", "the Swarm of this node is no more: it joins the one that took its place")
    cf["write"](left, "")
    if member:
        call("POST", "/swarm/leave?force=1")
    enter(token, remote)
    cf["write"](STATE + "/endpoints", endpoints)
    cf["say"]("ready", E["INSTANCE"])


if os.path.exists(STATE + "/joined"):
    watch()
PY
  log systemd-run --unit=clusterform-swarm --on-active=10 --on-unit-inactive=15 --timer-property=RandomizedDelaySec=5 --timer-property=AccuracySec=1 \
    -p Type=oneshot -p EnvironmentFile=/etc/clusterform/node.env -p EnvironmentFile=$STATE/identity -p TimeoutStartSec=180 python3 $WATCH
}
