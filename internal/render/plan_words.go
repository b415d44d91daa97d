package render

import (
	"slices"
	"strings"

	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// phrase is a value in words, for one that means nothing to a person, such as a digest.
type phrase string

// inWords makes a step's differences fit for people: digests of user-data, of native objects and of what is live become
// words, and settings of a workload are named as in the files. drifted is what reality changed, not what will be changed.
func inWords(kind resource.Kind, before, after resource.Spec, list []resource.FieldChange, drifted bool) []resource.FieldChange {
	out := make([]resource.FieldChange, 0, len(list))
	for _, f := range list {
		switch {
		case kind == resource.KindNode && f.Path == "user_data":
			f.Old, f.New = userData(before, f.Old), userData(after, f.New)
			if f.Old != nil && f.Old == f.New && !f.Unknown {
				f.New = phrase("(another script)")
			}
		case !isWork(kind):
		case f.Path == "content":
			if len(list) > 1 {
				continue // the settings say what changes
			}
			f.Old, f.New = phrase("(as applied last)"), phrase("(other objects)")
		case strings.HasPrefix(f.Path, "live."):
			f = live(f, drifted)
		default:
			f.Path = strings.TrimPrefix(f.Path, "attributes.")
		}
		out = append(out, f)
	}
	return out
}

// inWords is the same for what a step does.
func (e entry) inWords(list []resource.FieldChange) []resource.FieldChange {
	var before, after resource.Spec
	s := e.step
	switch {
	case s.Before != nil:
		before = s.Before.Spec
	case e.old != nil && e.old.Before != nil:
		before = e.old.Before.Spec
	}
	if s.After != nil {
		after = s.After.Spec
	}
	return inWords(s.Kind, before, after, list, false)
}

func isWork(k resource.Kind) bool { return k == resource.KindWorkload || k == resource.KindManifest }

// userData says what a node's user-data is for. Its text is a plan's blob.
func userData(s resource.Spec, digest any) any {
	n, ok := s.(*resource.Node)
	if !ok || digest == nil || n.Orchestrator == "" {
		return digest
	}
	return phrase(strings.TrimSpace("(for "+n.Orchestrator+" "+n.Version) + ")")
}

// withoutLive leaves out digests of native objects that nothing happens to.
func withoutLive(list []resource.FieldChange) []resource.FieldChange {
	return slices.DeleteFunc(list, func(f resource.FieldChange) bool { return strings.HasPrefix(f.Path, "live.") })
}

// live says what became of a native object, or what will.
func live(f resource.FieldChange, drifted bool) resource.FieldChange {
	f.Path = strings.TrimPrefix(f.Path, "live.")
	switch {
	case drifted && f.New == nil:
		f.Old, f.New = phrase("(as applied)"), phrase("(deleted)")
	case drifted && f.Old == nil:
		f.New = phrase("(made)")
	case drifted:
		f.Old, f.New = phrase("(as applied)"), phrase("(changed)")
	case f.Old == nil:
		f.New = phrase("(made again)")
	default:
		f.Old, f.New = phrase("(changed)"), phrase("(as applied)")
	}
	return f
}

// work is what a person wants to know of a new workload: what it is, what it runs, and how often.
func work(w *resource.Workload) string {
	parts := []string{strings.ReplaceAll(w.Type, "_", " ")}
	var images []string
	for path, value := range w.Attributes {
		if strings.HasPrefix(path, "container.") && strings.HasSuffix(path, ".image") {
			images = append(images, value)
		}
	}
	slices.Sort(images)
	parts = append(parts, images...)
	if n := w.Attributes["replicas"]; n == "1" {
		parts = append(parts, "1 replica")
	} else if n != "" {
		parts = append(parts, n+" replicas")
	}
	if w.Namespace != "default" && w.Namespace != "" {
		parts = append(parts, "in "+w.Namespace)
	}
	return strings.Join(parts, ", ")
}

// manifest names a raw object.
func manifest(m *resource.Manifest) string {
	text := strings.TrimSpace(m.ObjectKind + " " + m.Name)
	if m.Namespace != "" {
		text += " in " + m.Namespace
	}
	return text
}

// upset is why something that exists is not well; the words of the reason code are for what somebody changed.
func upset(s *planner.Step) bool {
	return s.Reason == planner.ReasonDrifted && s.Because != ""
}
