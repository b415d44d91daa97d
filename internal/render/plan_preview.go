package render

import (
	"fmt"

	"github.com/clusterform/clusterform/planner/resource"
)

// concealed is what a preview has in the place of a sensitive value.
const concealed = "(sensitive)"

// preview writes what a cluster would make of a manifest, rather than what the files say.
func (e entry) preview(p *Printer) {
	s := e.step
	list := make([]resource.FieldChange, 0, len(s.Preview.Fields))
	for _, f := range s.Preview.Fields {
		if f.Old == concealed {
			f.Old = phrase(concealed)
		}
		if f.New == concealed {
			f.New = phrase(concealed)
			if f.Old == f.New {
				f.New = phrase("(another value, sensitive)")
			}
		}
		list = append(list, f)
	}
	changedFields(p, list)
	switch n := s.Preview.Unchanged; {
	case len(list) == 0:
		p.styled(dim, "        (nothing of it changes in the cluster)\n")
	case n > 0:
		p.styled(dim, fmt.Sprintf("        (%s hidden)\n", count(n, "unchanged field", "unchanged fields")))
	}
}
