package swarm

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// readable is the mode of configs and secrets in containers, as users in images differ.
const readable = 0o444

// nameLimit is the longest name of a config or secret, the stack's included.
const nameLimit = 64

// mount gives the service its volumes, configs and secrets, and the stack those they are made of.
func (s *Stack) mount(x *Service, name string, w *hclconfig.Workload, o Options) {
	for _, m := range w.Containers[0].Mounts {
		if i := slices.IndexFunc(w.Volumes, func(v hclconfig.Volume) bool { return v.Name == m.Name }); i >= 0 {
			x.Volumes = append(x.Volumes, s.volume(name, w.Volumes[i], m))
			continue
		}
		for i := range w.Configs {
			if w.Configs[i].Name == m.Name {
				s.files(x, name+"_"+orchestrator.Part(m.Name), w.Configs[i].Files, m, o)
			}
		}
		for i := range w.Secrets {
			if w.Secrets[i].Name == m.Name {
				s.files(x, name+"_"+orchestrator.Part(m.Name), w.Secrets[i].Files, m, o)
			}
		}
	}
}

func (s *Stack) volume(service string, v hclconfig.Volume, m hclconfig.Mount) Mount {
	out := Mount{Type: "volume", Target: text(m.Path), ReadOnly: m.ReadOnly}
	switch {
	case v.Claim != nil:
		name := service + "-" + orchestrator.Part(v.Name)
		s.Volumes[name] = Volume{Driver: v.Claim.StorageClass}
		out.Source = text(name)
	case v.Empty != nil && v.Empty.Memory:
		out.Type = "tmpfs"
		if v.Empty.SizeBytes > 0 {
			out.Tmpfs = &Tmpfs{Size: v.Empty.SizeBytes}
		}
	case v.Empty != nil: // without a source: one of the task's own, removed with it
	default:
		out.Type, out.Source = "bind", text(path.Join(v.Host, m.SubPath))
	}
	return out
}

// files mounts each file by itself, as a Swarm's configs and secrets are single files.
func (s *Stack) files(x *Service, base string, files map[string]Content, m hclconfig.Mount, o Options) {
	for _, file := range slices.Sorted(maps.Keys(files)) {
		target := path.Join(m.Path, file)
		if m.SubPath != "" {
			rest, within := strings.CutPrefix(file, m.SubPath+"/")
			switch {
			case file == m.SubPath:
				target = m.Path
			case within:
				target = path.Join(m.Path, rest)
			default:
				continue
			}
		}
		content := files[file]
		one := map[string]string{"": content.Content}
		if content.Sensitive {
			name := s.contentName(base+"_"+file, orchestrator.SecretRevision(o.RevisionKey, one))
			s.Secrets[name] = s.ref("secrets", name, content)
			x.Secrets = append(x.Secrets, FileMount{Source: name, Target: text(target), Mode: readable})
			continue
		}
		name := s.contentName(base+"_"+file, orchestrator.Revision(one))
		s.Configs[name] = s.ref("configs", name, content)
		x.Configs = append(x.Configs, FileMount{Source: name, Target: text(target), Mode: readable})
	}
}

func (s *Stack) ref(dir, name string, content Content) FileRef {
	file := path.Join(s.Name+".files", dir, name)
	s.Contents[file] = content
	return FileRef{File: "./" + file}
}

// contentName is a name that Docker takes, and that is no other file's.
func (s *Stack) contentName(base, revision string) string {
	plain := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '.', r == '_':
			return r
		default:
			return '-'
		}
	}, base), "-._")
	room := nameLimit - len(s.Name) - 1
	if revision != "" {
		room -= len(revision) + 1
	}
	if plain != base || len(plain) > room {
		mark := orchestrator.Revision(map[string]string{"": base})
		plain = strings.TrimRight(plain[:max(min(len(plain), room-len(mark)-1), 0)], "-._") + "-" + mark
	}
	return orchestrator.WithRevision(plain, revision)
}
