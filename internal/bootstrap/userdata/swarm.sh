
# engine info|init|join|leave: asks the engine, which needs no docker command. The token to join with goes from a file
# into the socket, as everybody sees the arguments of commands. "info" prints the state and whether this is a manager.
ENGINE=/usr/local/lib/clusterform/engine
engine() { python3 $ENGINE "$1"; }
cat >$ENGINE <<'PY'
import contextlib, http.client, json, os, random, socket, sys

E = os.environ


def read(path):
    with contextlib.suppress(OSError), open(path) as f:
        return f.read().strip()
    return ""


class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect("/run/docker.sock")


def call(method, path, body=None):
    c = Engine("docker")
    c.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    r = c.getresponse()
    answer = json.loads(r.read().decode() or "null")
    if r.status != 200:
        sys.exit("%s: %s" % (path, answer.get("message") if isinstance(answer, dict) else r.status))
    return answer


def others(endpoints):
    return [a + ":2377" for a in (a.strip() for a in endpoints.split(",")) if a not in ("", E["IP"])]


def manager(endpoints):
    """One that listens, not always the same, or none: of several addresses the engine would ask the first alone."""
    known = others(endpoints)
    for a in random.sample(known, len(known)):
        host, _, port = a.rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 3):
            return a
    return ""


def enter(token="", remote=""):
    """Joins a manager by a token, or begins a Swarm without one."""
    body = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": E["IP"], "DataPathAddr": E["IP"]}
    if E["ROLE"] == "control_plane":
        body["Availability"] = "active" if E.get("SCHEDULABLE") else "drain"
    if token:
        body.update(RemoteAddrs=[remote], JoinToken=token)
    else:
        body.update(DefaultAddrPool=[E["PODS"]], SubnetSize=24, Spec={})
    call("POST", "/swarm/" + ("join" if token else "init"), body)


if __name__ == "__main__":
    what, p = sys.argv[1], "/run/clusterform/p/"
    try:
        if what == "info":
            s = call("GET", "/info")["Swarm"]
            print(s["LocalNodeState"] + (" manager" if s["ControlAvailable"] else ""))
        elif what == "leave":
            call("POST", "/swarm/leave?force=1")
        elif what == "join":
            remote = manager(read(p + "endpoints"))
            if not remote:
                sys.exit("no manager listens at " + ", ".join(others(read(p + "endpoints"))))
            enter(read(p + "join"), remote)
        else:
            enter()
    except (OSError, ValueError, KeyError) as e:
        sys.exit("the engine does not answer: %s" % e)
PY

# What the engine is told of this machine. Settings of others in the file stay.
configure() {
  [ -e /proc/net/ip_vs ] || log modprobe ip_vs
  IPVS=false
  [ ! -e /proc/net/ip_vs ] || IPVS=true
  # What encrypted overlay networks need: IPsec, and packets marked for it. Elsewhere they would be lost, or go as they are.
  ESP=false
  unshare -n sh -c 'ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x100 mode transport aead "rfc4106(gcm(aes))" "0x$(printf %040d 7)" 64 &&
    mark() { iptables -w -t mangle -A OUTPUT -p udp --dport 4789 "$@" -j MARK --set-mark 1; } &&
    { mark -m u32 --u32 "0>>22&0x3C@12&0xFFFFFF00=0x100" || mark -m bpf --bytecode "1,6 0 0 1"; }' >>$LOG 2>&1 && ESP=true
  [ -z "${ENCRYPTED:-}" ] || [ $ESP = true ] ||
    fail "network.overlay.encrypted: the kernel $(uname -r) cannot encrypt (no ESP in it, or no match to mark packets by). Take a machine image whose kernel has esp4 and xt_u32 or xt_bpf, or leave encrypted out: $(last)"
  link=$(ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  MTU=$(cat "/sys/class/net/$link/mtu" 2>/dev/null || echo 1500)
  export IPVS ESP MTU
  mkdir -p /etc/docker
  python3 - >$RUN/daemon.json <<'PY'
import json, os

E, TLS = os.environ, "/etc/docker/clusterform/"
try:
    d = json.load(open("/etc/docker/daemon.json"))
except (OSError, ValueError):
    d = {}
own = {"instance": E["INSTANCE"], "zone": E["ZONE"], "ipvs": E["IPVS"], "esp": E["ESP"], "mtu": E["MTU"]}
if E["ROLE"] == "control_plane" and not E.get("SCHEDULABLE"):
    own["schedulable"] = "false"
d["labels"] = [l for l in d.get("labels", []) if not l.startswith("clusterform.")] + ["clusterform.%s=%s" % i for i in sorted(own.items())]
d["live-restore"] = False  # a Swarm does not go with it
d.setdefault("log-driver", "json-file")
d.setdefault("log-opts", {"max-size": "10m", "max-file": "3"})
if int(E["MTU"]) < 1500:
    d["mtu"] = int(E["MTU"])
if E.get("INSECURE_REGISTRY"):
    d["insecure-registries"] = sorted(set(d.get("insecure-registries", []) + [E["INSECURE_REGISTRY"]]))
if E["ROLE"] == "control_plane":
    d.update(tlsverify=True, tlscacert=TLS + "ca.pem", tlscert=TLS + "cert.pem", tlskey=TLS + "key.pem")
print(json.dumps(d, indent=2, sort_keys=True))
PY
}

start() {
  serve
  log systemctl daemon-reload
  log systemctl enable docker
  # A worker whose settings are as before keeps its containers.
  [ "$ROLE" = worker ] && cmp -s $RUN/daemon.json /etc/docker/daemon.json && log systemctl start docker && return
  install -m 644 $RUN/daemon.json /etc/docker/daemon.json
  log systemctl restart docker
}

# whole: whether this is a member with all that its role needs.
whole() {
  state=$(engine info 2>>$LOG)
  [ "$state" = "active manager" ] || [ "$state" = active -a "$ROLE" = worker ]
}
attempt() {
  whole && return
  echo "the engine is ${state:-not up}" >>$LOG
  [ ! -e $STATE/joined ] || return 1 # it finds its way back by itself
  case $state in
    inactive) ;;
    pending | error | locked) engine leave >>$LOG 2>&1 ;; # half-way in
    *) return 1 ;;
  esac
  log cf parameters || return
  MODE=join
  decide || return
  [ $MODE = init ] || [ -n "$(parameter join)" ] || { echo 'the cluster lets nobody join yet' >>$LOG && return 1; }
  say joining "$MODE (attempt $attempt)"
  engine $MODE >>$LOG 2>&1
  failed=$?
  # After twenty seconds the engine goes on by itself. To leave then could take a manager out of a quorum that counts on it.
  for _ in $(seq 120); do
    whole && return
    [ $failed = 0 ] || [ "$state" = pending ] || return 1
    sleep 0.5
  done
  return 1
}

MODE=join
say fetching docker
packages dockerd "docker.io iptables kmod openssl" "docker iptables-nft openssl"
packages openssl openssl openssl
command -v docker >/dev/null || log apt-get install -y --no-install-recommends docker-cli
cf fetch 2>>$LOG || fail "$(last)"
configure
prepare
start || fail "docker does not start: $(last)"
look_after
begin
until attempt; do
  [ $attempt -lt 3 ] || say joining "attempt $attempt: $(last)"
  again "did not join: $(last)"
done
touch $STATE/joined
rm -rf $RUN/p $RUN/names $RUN/request
say ready "$INSTANCE"
