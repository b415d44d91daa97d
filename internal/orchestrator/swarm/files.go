package swarm

import (
	"encoding/json"
	"fmt"

	"github.com/clusterform/clusterform/internal/orchestrator"
)

// contentsKey is where a stack that is shown has the contents of its configs and secrets; Docker does not read it.
const contentsKey = "x-contents"

// YAML is the stack file. With contents the files it refers to are shown in it, secret ones only where show says so; without
// them it is to be written beside those of Files.
func (s *Stack) YAML(contents, show bool) ([]byte, error) {
	v, err := s.document(contents, show)
	if err != nil {
		return nil, err
	}
	return orchestrator.YAML(v)
}

// JSON is the same as JSON, which `docker stack deploy` takes as well.
func (s *Stack) JSON(contents, show bool) ([]byte, error) {
	v, err := s.document(contents, show)
	if err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(v, "", "  ")
	return append(text, '\n'), err
}

func (s *Stack) document(contents, show bool) (map[string]any, error) {
	encoded, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	v := map[string]any{}
	if err := json.Unmarshal(encoded, &v); err != nil {
		return nil, fmt.Errorf("stack %s: %w", s.Name, err)
	}
	if contents && len(s.Contents) > 0 {
		shown := map[string]string{}
		for path, c := range s.Contents {
			shown[path] = c.Content
			if c.Sensitive && !show {
				shown[path] = orchestrator.Hidden
			}
		}
		v[contentsKey] = shown
	}
	return v, nil
}

// Files are the contents of the stack's configs and secrets, sorted by path, relative to the stack file.
func (s *Stack) Files() []orchestrator.File {
	var out []orchestrator.File
	for path, c := range sorted(s.Contents) {
		out = append(out, orchestrator.File{Path: path, Content: []byte(c.Content), Sensitive: c.Sensitive})
	}
	return out
}
