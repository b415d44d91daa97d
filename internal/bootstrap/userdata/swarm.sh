
# engine info|init|join: asks the engine, which needs no docker command. The token to join with goes from a file into the
# socket, as everybody sees the arguments of commands. "info" prints the state and whether this is a manager.
engine() {
  python3 - "$1" <<'PY'
import http.client, json, os, socket, sys

E, what = os.environ, sys.argv[1]


def parameter(name):
    try:
        return open("/run/clusterform/p/" + name).read().strip()
    except OSError:
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


try:
    if what == "info":
        s = call("GET", "/info")["Swarm"]
        print(s["LocalNodeState"] + (" manager" if s["ControlAvailable"] else ""))
    elif what == "leave":
        call("POST", "/swarm/leave?force=1")
    else:
        body = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": E["IP"], "DataPathAddr": E["IP"]}
        if E["ROLE"] == "control_plane":
            body["Availability"] = "active" if E.get("SCHEDULABLE") else "drain"
        if what == "init":
            body.update(DefaultAddrPool=[E["PODS"]], SubnetSize=24, Spec={})
        else:
            managers = [a.strip() for a in parameter("endpoints").split(",")]
            body.update(RemoteAddrs=[a + ":2377" for a in managers if a not in ("", E["IP"])], JoinToken=parameter("join"))
        call("POST", "/swarm/" + what, body)
except (OSError, ValueError, KeyError) as e:
    sys.exit("the engine does not answer: %s" % e)
PY
}

# What the engine is told of this machine. Settings of others in the file stay.
configure() {
  [ -e /proc/net/ip_vs ] || log modprobe ip_vs
  IPVS=false
  [ ! -e /proc/net/ip_vs ] || IPVS=true
  link=$(ip -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
  MTU=$(cat "/sys/class/net/$link/mtu" 2>/dev/null || echo 1500)
  export IPVS MTU
  mkdir -p /etc/docker
  python3 - >$RUN/daemon.json <<'PY'
import json, os

E, TLS = os.environ, "/etc/docker/clusterform/"
try:
    d = json.load(open("/etc/docker/daemon.json"))
except (OSError, ValueError):
    d = {}
own = {"instance": E["INSTANCE"], "zone": E["ZONE"], "ipvs": E["IPVS"], "mtu": E["MTU"]}
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

# The API's certificate is made anew at each boot, from an authority whose key stays in memory.
certificate() {
  dir=/etc/docker/clusterform ca=$RUN/p/pki/docker
  install -d -m 700 $dir
  public=$(python3 -c 'import runpy; print(runpy.run_path("/usr/local/lib/clusterform/cf")["imds"]("meta-data/public-ipv4"))' 2>/dev/null)
  names="DNS:clusterform,DNS:api.clusterform.internal,IP:$IP${public:+,IP:$public}"
  for name in $(parameter names | tr ',' ' '); do
    case $name in *[!0-9.]*) names="$names,DNS:$name" ;; *) names="$names,IP:$name" ;; esac
  done
  printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n' "$names" >$RUN/names
  (
    umask 077
    sed -n '/BEGIN CERT/,/END CERT/p' $ca >$dir/ca.pem
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $dir/key.pem.new -subj /CN=clusterform -out $RUN/request &&
      openssl x509 -req -in $RUN/request -CA $ca -CAkey $ca -set_serial "0x$(openssl rand -hex 16)" -days 3650 -sha256 -extfile $RUN/names -out $dir/cert.pem.new &&
      mv $dir/key.pem.new $dir/key.pem && mv $dir/cert.pem.new $dir/cert.pem
  ) >>$LOG 2>&1
}

# Managers serve the API in addition to what their distribution's unit says.
start() {
  if [ "$ROLE" = control_plane ]; then
    unit=$(systemctl show -p FragmentPath --value docker.service)
    command=$(sed -n 's/^ExecStart=//p' "$unit" | tail -n 1)
    mkdir -p /etc/systemd/system/docker.service.d
    printf '[Service]\nExecStart=\nExecStart=%s -H tcp://0.0.0.0:2376\n' "$command" >/etc/systemd/system/docker.service.d/clusterform.conf
  fi
  log systemctl daemon-reload
  log systemctl enable docker
  # A worker whose settings are as before keeps its containers.
  [ "$ROLE" = worker ] && cmp -s $RUN/daemon.json /etc/docker/daemon.json && log systemctl start docker && return
  install -m 644 $RUN/daemon.json /etc/docker/daemon.json
  log systemctl restart docker
}

# Which node begins: the engine names one, and it makes sure that no other has.
decide() {
  [ -n "$(parameter leader)" ] || [ -n "$(parameter initialised)" ] || { echo 'no node is named to begin yet' >>$LOG && return 1; }
  MODE=join
  [ "$(parameter leader)" = "$INSTANCE" ] && [ -z "$(parameter initialised)" ] || return 0
  for address in $(parameter endpoints | tr ',' ' '); do
    [ "$address" = "$IP" ] || ! timeout 3 bash -c "</dev/tcp/$address/2377" 2>/dev/null || return 0
  done
  MODE=init
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
  [ "$ROLE" = worker ] || decide || return
  [ $MODE = init ] || [ -n "$(parameter join)" ] || { echo 'the cluster lets nobody join yet' >>$LOG && return 1; }
  say joining "$MODE (attempt $attempt)"
  engine $MODE >>$LOG 2>&1 || return
  for _ in $(seq 60); do
    whole && return
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
if [ "$ROLE" = control_plane ]; then
  begin
  until log cf parameters && [ -n "$(parameter pki/docker)" ] && certificate; do
    # After a reboot the certificate of the last one serves, too.
    [ ! -e $STATE/joined ] || break
    [ $attempt -lt 3 ] || say fetching "certificates (attempt $attempt): $(last)"
    again "the Docker API's certificate cannot be made: $(last)"
  done
fi
start || fail "docker does not start: $(last)"
begin
until attempt; do
  [ $attempt -lt 3 ] || say joining "attempt $attempt: $(last)"
  again "did not join: $(last)"
done
touch $STATE/joined
rm -rf $RUN/p $RUN/names $RUN/request
say ready "$INSTANCE"
