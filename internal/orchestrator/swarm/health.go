package swarm

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/clusterform/clusterform/hclconfig"
)

// check is the one check that a Swarm knows: liveness, or readiness where there is no other.
func check(c hclconfig.Container) *hclconfig.HealthCheck {
	if c.Liveness != nil {
		return c.Liveness
	}
	return c.Readiness
}

func healthcheck(c hclconfig.Container) *Healthcheck {
	h := check(c)
	if h == nil {
		return nil
	}
	out := &Healthcheck{Test: test(h, c), Interval: h.Interval.String(), Timeout: h.Timeout.String(), Retries: h.FailureThreshold}
	if h.InitialDelay > 0 {
		out.StartPeriod = h.InitialDelay.String()
	}
	return out
}

// test is a command: Docker checks from within the container, with what the image brings along.
func test(h *hclconfig.HealthCheck, c hclconfig.Container) []text {
	if len(h.Command) > 0 {
		return append([]text{"CMD"}, texts(h.Command)...)
	}
	port := checkedPort(h, c)
	limit := int64(max((h.Timeout+time.Second-1)/time.Second, 1))
	if h.TCP {
		return []text{"CMD-SHELL", text(fmt.Sprintf("nc -z -w %d 127.0.0.1 %d", limit, port))}
	}
	url := quote(fmt.Sprintf("http://127.0.0.1:%d%s", port, h.HTTP))
	return []text{"CMD-SHELL", text(fmt.Sprintf("wget -q -T %d -O /dev/null %s || curl -fsS -m %d -o /dev/null %s", limit, url, limit, url))}
}

// quote makes one word of s for a shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func checkedPort(h *hclconfig.HealthCheck, c hclconfig.Container) int {
	if h.Port == "" && len(c.Ports) > 0 {
		return c.Ports[0].Container
	}
	return portNumber(h.Port, c)
}

// portNumber reads the name or number of a port; 0 is one that the container does not have.
func portNumber(ref string, c hclconfig.Container) int {
	for _, p := range c.Ports {
		if p.Name == ref {
			return p.Container
		}
	}
	n, err := strconv.Atoi(ref)
	if err != nil {
		return 0
	}
	return n
}
