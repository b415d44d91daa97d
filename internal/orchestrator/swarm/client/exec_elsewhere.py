"""Runs a command in a container of this machine by way of its engine. The request is a secret of the Swarm; what the command
says goes to standard output in lines that a log keeps as they are: "1 BASE64" of its output, "2 BASE64" of its errors,
"exit CODE" at its end, and "failed REASON" when it could not be run."""
import base64, http.client, json, socket, struct, sys, threading

ENGINE = "/clusterform.sock"


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(ENGINE)
    return s


class Engine(http.client.HTTPConnection):
    def connect(self):
        self.sock = connect()


def ask(method, path, body=None):
    c = Engine("docker")
    c.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
    r = c.getresponse()
    answer = json.loads(r.read().decode() or "null")
    if r.status // 100 != 2:
        raise OSError(answer["message"])
    return answer


def say(what, text):
    sys.stdout.write("%s %s\n" % (what, text))
    sys.stdout.flush()


def run(request):
    given = request.get("stdin")
    made = ask("POST", "/containers/%s/exec" % request["container"], {
        "Cmd": request["command"], "AttachStdin": given is not None, "AttachStdout": True, "AttachStderr": True})
    s, body = connect(), b'{"Detach": false, "Tty": false}'
    s.sendall(b"POST /exec/%s/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nConnection: Upgrade\r\n"
              b"Upgrade: tcp\r\nContent-Length: %d\r\n\r\n%s" % (made["Id"].encode(), len(body), body))
    stream = s.makefile("rb")
    status = stream.readline().decode().split(" ", 2)
    while stream.readline().strip():
        pass
    if status[1] not in ("101", "200"):
        raise OSError(" ".join(status).strip())

    def feed():
        try:
            s.sendall(base64.b64decode(given))
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the command ended before its input did

    if given is not None:
        threading.Thread(target=feed, daemon=True).start()
    while True:
        header = stream.read(8)
        if len(header) < 8:
            break
        kind, size = struct.unpack(">BxxxL", header)
        while size > 0:
            part = stream.read(min(size, 8192))
            if not part:
                break
            size -= len(part)
            say("2" if kind == 2 else "1", base64.b64encode(part).decode())
    say("exit", ask("GET", "/exec/%s/json" % made["Id"])["ExitCode"])


try:
    with open("/run/secrets/clusterform-exec") as f:
        run(json.load(f))
except (OSError, ValueError, KeyError) as e:
    say("failed", " ".join(str(e).split()))
