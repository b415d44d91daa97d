#!/usr/bin/python3
"""cf: what a node asks of AWS and of its cluster, with Python's standard library alone."""
import concurrent.futures, contextlib, datetime, glob, hashlib, hmac, json, os, random, re, socket, ssl, subprocess, sys, time
import urllib.error, urllib.request

ENV, RUN, STATE = os.environ, "/run/clusterform", "/var/lib/clusterform"
LIB, CA, API = "/usr/local/lib/clusterform", "/etc/clusterform/ca.crt", "api.clusterform.internal"
METADATA = "http://169.254.169.254/latest/"


def say(phase, text):
    line = "clusterform: %s: %s" % (phase, re.sub(r"[^ -~]+", " ", str(text))[:400])
    print(line, flush=True)
    with contextlib.suppress(OSError), open("/dev/console", "w") as console:
        console.write(line + "\n")


def write(path, text, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as f:
        f.write(text)
    os.replace(path + ".new", path)


def read(path):
    with contextlib.suppress(OSError), open(path) as f:
        return f.read()
    return ""


def retry(what, f, limit=1200):
    """Again, with jitter and a back-off of at most 15 s, until it works or the limit (seconds) is over."""
    end, pause, attempt = time.monotonic() + limit, 0.5, 1
    while True:
        try:
            return f()
        except (OSError, ValueError, KeyError, subprocess.SubprocessError) as e:
            if isinstance(e, urllib.error.HTTPError):
                body = e.read(2000).decode(errors="replace")
                e = "HTTP %d %s" % (e.code, " ".join(re.findall(r'"(?:__type|[mM]essage)": ?"([^"]*)"', body)))
            if time.monotonic() > end:
                sys.exit("%s: %s" % (what, e))
            attempt += 1
            if attempt > 3:
                say("fetching", "%s (attempt %d): %s" % (what, attempt, e))
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 2, 15)


def imds(path, token=[]):
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open  # never by a proxy
    if not token:
        r = urllib.request.Request(METADATA + "api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "3600"})
        token.append(ask(r, timeout=5).read().decode())
    return ask(urllib.request.Request(METADATA + path, headers={"X-aws-ec2-metadata-token": token[0]}), timeout=5).read().decode()


def sign(url, body, headers, key, secret, region, service, now):
    """Signature version 4 of a POST to the root path; headers with lower-case names."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = dict(headers, host=url.split("/")[2], **{"x-amz-date": stamp})
    names = ";".join(sorted(headers))
    canonical = "POST\n/\n\n%s\n%s\n%s" % (
        "".join("%s:%s\n" % (n, headers[n].strip()) for n in sorted(headers)), names, hashlib.sha256(body).hexdigest())
    scope = "/".join([stamp[:8], region, service, "aws4_request"])
    k = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        k = hmac.new(k, part.encode(), "sha256").digest()
    text = "AWS4-HMAC-SHA256\n%s\n%s\n%s" % (stamp, scope, hashlib.sha256(canonical.encode()).hexdigest())
    headers["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s" % (
        key, scope, names, hmac.new(k, text.encode(), "sha256").hexdigest())
    return headers


def ssm(action, body):
    region = imds("meta-data/placement/region")
    url = ENV.get("ENDPOINT") or "https://ssm.%s.%s" % (region, imds("meta-data/services/domain"))
    roles = "meta-data/iam/security-credentials/"
    c = json.loads(imds(roles + imds(roles).split()[0]))
    body = json.dumps(body).encode()
    headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AmazonSSM." + action, "x-amz-security-token": c["Token"]}
    headers = sign(url, body, headers, c["AccessKeyId"], c["SecretAccessKey"], region, "ssm", datetime.datetime.now(datetime.timezone.utc))
    return json.load(urllib.request.urlopen(urllib.request.Request(url.rstrip("/") + "/", body, headers), timeout=15))


def parameters():
    """Puts this role's parameters into files below RUN/p, readable by root alone. What is gone from the store goes there, too."""
    base, found, more = ENV["PARAMETERS"], {}, {}
    while more is not None:
        page = ssm("GetParametersByPath", dict({"Path": base, "Recursive": True, "WithDecryption": True, "MaxResults": 10}, **more))
        found.update((p["Name"][len(base) + 1:], p["Value"]) for p in page["Parameters"])
        more = {"NextToken": page["NextToken"]} if page.get("NextToken") else None
    old = [f[len(RUN) + 3:] for f in glob.glob(RUN + "/p/**", recursive=True) if os.path.isfile(f)]
    for name in set(old) - set(found):
        os.remove(RUN + "/p/" + name)
    for name, value in found.items():
        write(RUN + "/p/" + name, value)
    if found.get("pki/ca"):
        write(CA, found["pki/ca"], 0o644)
    write(STATE + "/endpoints", found.get("endpoints", ""))


def identity():
    """Prints who this machine is, for the shell, and of its pool what a kubelet may say by itself."""
    who = {n: retry("metadata", lambda p=p: imds("meta-data/" + p)) for n, p in
           [("INSTANCE", "instance-id"), ("IP", "local-ipv4"), ("ZONE", "placement/availability-zone"), ("REGION", "placement/region")]}
    print("\n".join("%s='%s'" % (n, re.sub(r"[^\w.:-]", "", v)) for n, v in who.items()))


def digest(path):
    h = hashlib.sha256()
    with contextlib.suppress(OSError), open(path, "rb") as f:
        for chunk in iter(lambda: f.read(1 << 20), b""):
            h.update(chunk)
    return h.hexdigest()


def fetch():
    """Downloads the named software, or all of it, several files at once. What is there with the right sum is left alone."""
    def one(f):
        archive = f["kind"] == "archive"
        path = STATE + "/" + f["name"] if archive else f.get("path") or LIB + "/objects/" + f["name"]
        if digest(path) == f["sha256"]:
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        h = hashlib.sha256()
        with urllib.request.urlopen(f["url"], timeout=30) as r, open(path + ".part", "wb") as out:
            for chunk in iter(lambda: r.read(1 << 20), b""):
                h.update(chunk)
                out.write(chunk)
        if h.hexdigest() != f["sha256"]:
            os.remove(path + ".part")
            raise ValueError("%s has the SHA-256 %s, not the pinned %s" % (f["url"], h.hexdigest(), f["sha256"]))
        if archive:
            os.makedirs(f["path"], exist_ok=True)
            subprocess.run(["tar", "-xzf", path + ".part", "-C", f["path"]], check=True, timeout=300)
        else:
            os.chmod(path + ".part", int(f.get("mode") or "644", 8))
        os.replace(path + ".part", path)

    files = [f for f in json.loads(read("/etc/clusterform/software.json")) if f["name"] in sys.argv[2:] or not sys.argv[2:]]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(retry, f["name"], lambda f=f: one(f)) for f in files]:
            job.result()


def answers(address, path="", token=""):
    """Whether the API of this very cluster answers there: its certificate is signed by our CA and holds the fixed name."""
    with contextlib.suppress(OSError), socket.create_connection((address, int(ENV["API_PORT"])), 3) as raw:
        with ssl.create_default_context(cafile=CA).wrap_socket(raw, server_hostname=ENV["API_NAME"]) as s:
            if path:
                s.sendall(("GET %s HTTP/1.0\r\nHost: api\r\nAuthorization: Bearer %s\r\n\r\n" % (path, token)).encode())
            return not path or b" 200 " in s.recv(64)
    return False


def endpoints():
    known = [a for a in re.split(r"[,\s]+", read(STATE + "/endpoints")) if re.fullmatch(r"[0-9.]+", a)]
    random.Random(ENV.get("INSTANCE")).shuffle(known)  # another order on each node
    return known


def alive(known):
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        return [a for a, ok in zip(known, pool.map(lambda a: answers(a, ENV.get("API_HEALTH", "")), known)) if ok]


def others():
    return [a for a in endpoints() if a != ENV.get("IP")]


def wait():
    """Waits for a minute until another node lets this one join."""
    end, told = time.monotonic() + 60, False
    while not any(answers(a, ENV.get("API_JOIN", ""), read(RUN + "/p/join")) for a in others()):
        if time.monotonic() > end:
            sys.exit(1)
        if time.monotonic() > end - 45 and not told:
            say("joining", "waiting for the API at " + ", ".join(others()))
            told = True
        time.sleep(random.uniform(0.5, 1))


def hosts():
    """Keeps the API's name at addresses that answer, here and in pods that have a copy of this machine's /etc/hosts."""
    network()
    known = endpoints()
    good = alive(known)
    if len(good) < len(known) or not known:
        with contextlib.suppress(OSError, ValueError, KeyError):
            p = ssm("GetParameters", {"Names": [ENV["PARAMETERS"] + "/endpoints"], "WithDecryption": True})
            write(STATE + "/endpoints", p["Parameters"][0]["Value"])
            known = endpoints()
            good = alive(known)
    lines = ["%s %s" % (a, API) for a in sorted(good or known, key=lambda a: a != ENV.get("IP"))]
    for path in ["/etc/hosts"] + glob.glob("/var/lib/kubelet/pods/*/etc-hosts"):
        old = read(path)
        if not lines or (path != "/etc/hosts" and API not in old):
            continue
        new = "\n".join([l for l in old.splitlines() if API not in l] + lines) + "\n"
        if new != old:
            with open(path, "r+") as f:  # in place: containers have this very file
                f.write(new)
                f.truncate()
    if good and ENV.get("ROLE") == "worker" and ENV.get("API_NAME") == "kubernetes":
        anew()


def kubelet(path):
    """Asks the API as the kubelet does."""
    c = ssl.create_default_context(cafile=CA)
    c.load_cert_chain("/var/lib/kubelet/pki/kubelet-client-current.pem")
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=c)).open
    with ask("https://%s:%s/api/v1/%s" % (API, ENV["API_PORT"], path), timeout=5) as r:
        return json.load(r)


def anew(run=subprocess.run):
    """A control plane that lost everything and began again does not know this node: its kubelet introduces itself once more."""
    old, gone = read(STATE + "/cluster"), False
    try:
        now = kubelet("namespaces/default/services/kubernetes")["metadata"]["uid"]
    except (OSError, ValueError, KeyError):
        return
    if old != now:
        try:
            kubelet("nodes/" + ENV["INSTANCE"])  # no other cluster: only that service was made again
        except urllib.error.HTTPError as e:
            gone = e.code == 404
            if not gone:
                return
        except (OSError, ValueError):
            return
    if gone:
        say("joining", "the cluster began anew")
        # Pods get addresses of another range: what holds the old one goes.
        conf = "/etc/cni/net.d/10-flannel.conflist"
        run(["systemctl", "stop", "kubelet"])
        run(["rm", "-rf", "/run/flannel/subnet.env", conf, "/var/lib/cni/networks"])
        run(["ip", "link", "delete", "cni0"])
        run(["systemctl", "start", "kubelet"])
    write(STATE + "/cluster", now)
    end = time.monotonic() + 40
    while gone and ENV.get("OVERLAY") != "none" and not os.path.exists(conf) and time.monotonic() < end:
        network()
        time.sleep(0.5)


def network():
    """Puts flannel's configuration in place once it runs: a pod that came before would wait ten seconds for another try."""
    new = "/etc/cni/net.d/10-flannel.new"
    if os.path.exists("/run/flannel/subnet.env") and read(new):
        os.replace(new, new[:-3] + "conflist")


def pool():
    """Prints what the pool's settings let a kubelet say of itself when it joins, as YAML in one line; the engine sets the rest."""
    p = json.loads(read(RUN + "/p/pool/" + ENV["POOL"]) or "{}")
    own = {k: v for k, v in (p.get("labels") or {}).items() if not re.search(r"(^|\.)(kubernetes|k8s)\.io(/|$)", k.split("/")[0] + "/")}
    own.update({"topology.kubernetes.io/zone": ENV["ZONE"], "topology.kubernetes.io/region": ENV["REGION"]})
    taints = [{k.lower(): v for k, v in t.items() if v} for t in p.get("taints") or []]
    alone = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
    if ENV["ROLE"] == "control_plane" and not ENV.get("SCHEDULABLE") and alone not in taints:
        taints.append(alone)
    print("LABELS='%s'" % ",".join("%s=%s" % i for i in sorted(own.items())).replace("'", ""))
    print("TAINTS='%s'" % json.dumps(taints).replace("'", ""))


def reserved():
    """Prints what kubelet sets aside: a little for the system, and what the machine sees but may not use (a container's limits)."""
    memory = int(re.search(r"MemTotal: +(\d+)", read("/proc/meminfo")).group(1)) * 1024
    cpu, g = os.cpu_count() * 1000, "/sys/fs/cgroup/"
    limit = (read(g + "memory.max") or read(g + "memory/memory.limit_in_bytes")).strip()
    away = max(0, memory - int(limit)) if limit.isdigit() else 0
    quota = (read(g + "cpu.max") or read(g + "cpu/cpu.cfs_quota_us") + " " + read(g + "cpu/cpu.cfs_period_us")).split()
    idle = max(0, cpu - 1000 * int(quota[0]) // int(quota[1])) if quota and quota[0].isdigit() else 0
    print("RESERVED='{cpu: %dm, memory: %dMi}'" % (idle + 100, (away >> 20) + 100))


def ready():
    """Waits until the API says that this node is Ready; asks as the kubelet does."""
    end, said = time.monotonic() + 900, ""
    while True:
        try:
            network()
            state = {s["type"]: s for s in kubelet("nodes/" + ENV["INSTANCE"])["status"].get("conditions", [])}.get("Ready", {})
            if state.get("status") == "True" or ENV.get("OVERLAY") == "none":
                return
            why = "not ready: " + state.get("message", "kubelet has not reported yet")
        except (OSError, ValueError, KeyError) as e:
            why = "waiting for the API: %s" % e
        if time.monotonic() > end:
            sys.exit(why)
        if why != said and time.monotonic() > end - 870:  # half a minute is normal
            say("joining", why)
            said = why
        time.sleep(0.5)


if __name__ == "__main__":
    command = {"pool": pool, "reserved": reserved, "ready": ready, "parameters": lambda: retry("parameters", parameters), "identity": identity, "fetch": fetch, "hosts": hosts,
               "others": lambda: sys.exit(not alive(others())), "wait": wait,
               "well": lambda: sys.exit(not answers(ENV["IP"], ENV["API_HEALTH"])),
               "say": lambda: say(sys.argv[2], sys.argv[3])}
    command[sys.argv[1]]()
