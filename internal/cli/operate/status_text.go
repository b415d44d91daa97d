package operate

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/clusterform/clusterform/internal/render"
)

// soon is how close to its end a certificate is mentioned.
const soon = 60 * 24 * time.Hour

// text is the status for people.
func (s *status) text(p *render.Printer, now time.Time) {
	if len(s.Clusters) == 0 {
		p.Line("No cluster is recorded.")
		return
	}
	for i, c := range s.Clusters {
		if i > 0 {
			p.Line("")
		}
		p.Linef("%s  %s in %s, %s", c.Address, c.Orchestrator, c.Region, cmp.Or(c.Endpoint, "without an endpoint"))
		if c.Problem != "" {
			p.Linef("  problem: %s", c.Problem)
		}
		for _, n := range c.Notices {
			p.Linef("  note: %s. %s", n.Title, n.Text)
		}
		table(p, len(c.Nodes), func(w io.Writer, i int) {
			n := c.Nodes[i]
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\t%s\n",
				cmp.Or(string(n.Address), "-"), n.Instance, n.state(), n.PrivateIP, n.InstanceType, n.Zone, join(n.Version, n.Problem))
		})
		table(p, len(c.Workloads), func(w io.Writer, i int) {
			l := c.Workloads[i]
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", l.Address, l.Type, l.count(), l.Problem)
		})
		for _, x := range c.Certificates {
			if left := x.ExpiresAt.Sub(now); left < soon {
				p.Linef("  certificate of %s: %s", x.Name, untilText(left))
			}
		}
	}
}

// table writes rows with aligned columns.
func table(p *render.Printer, rows int, row func(w io.Writer, i int)) {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for i := range rows {
		row(w, i)
	}
	w.Flush()
	for line := range strings.Lines(b.String()) {
		p.Line(strings.TrimRight(line, " \n"))
	}
}

func (n nodeStatus) state() string {
	switch {
	case n.Ready && n.Cordoned:
		return "ready, cordoned"
	case n.Ready:
		return "ready"
	default:
		return "not ready"
	}
}

func (l workloadStatus) count() string {
	if l.Wanted == 0 && l.Ready == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", l.Ready, l.Wanted)
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "  " + b
}
