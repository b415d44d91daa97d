package kubernetes

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
)

// content is what the workload's config and secret blocks become. Objects are never changed: their names hold a hash of
// what they hold, so that another content is another object, and a rollout can go back to the one before.
type content struct {
	maps        []*corev1.ConfigMap
	secrets     []*corev1.Secret
	configNames map[string]string // block's label → ConfigMap
	secretNames map[string]string // label of a secret block, or of a config block with a sensitive file → Secret
	env         string            // Secret of the sensitive variables
}

func (b *builder) files() content {
	c := content{configNames: map[string]string{}, secretNames: map[string]string{}}
	for _, s := range b.w.Secrets {
		c.secretNames[s.Name] = c.addSecret(b, b.name+"-secret-"+orchestrator.Part(s.Name), contents(s.Files))
	}
	for _, f := range b.w.Configs {
		name := b.name + "-config-" + orchestrator.Part(f.Name)
		if sensitive(f.Files) {
			c.secretNames[f.Name] = c.addSecret(b, name, contents(f.Files))
			continue
		}
		data := contents(f.Files)
		m := &corev1.ConfigMap{
			TypeMeta:  metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			Immutable: new(true), Data: data,
		}
		m.ObjectMeta = b.meta(orchestrator.WithRevision(name, orchestrator.Revision(data)))
		c.maps = append(c.maps, m)
		c.configNames[f.Name] = m.Name
	}
	if env := sensitiveEnv(b.w); len(env) > 0 {
		c.env = c.addSecret(b, b.name+"-env", env)
	}
	return c
}

func (c *content) addSecret(b *builder, name string, data map[string]string) string {
	s := &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		Type:     corev1.SecretTypeOpaque, Data: map[string][]byte{},
	}
	revision := orchestrator.SecretRevision(b.options.RevisionKey, data)
	if revision != "" { // without it the same object takes the next content
		s.Immutable = new(true)
	}
	s.ObjectMeta = b.meta(orchestrator.WithRevision(name, revision))
	for k, v := range data {
		s.Data[k] = []byte(v)
	}
	c.secrets = append(c.secrets, s)
	return s.Name
}

func sensitive(files map[string]hclconfig.FileContent) bool {
	for _, f := range files {
		if f.Sensitive {
			return true
		}
	}
	return false
}

func contents(files map[string]hclconfig.FileContent) map[string]string {
	out := make(map[string]string, len(files))
	for path, f := range files {
		out[fileKey(path)] = f.Content
	}
	return out
}

var validKey = regexp.MustCompile(`^[-._a-zA-Z0-9]{1,200}$`)

// fileKey is the key of a file: its path, where that can be one.
func fileKey(path string) string {
	if validKey.MatchString(path) && path != "." && path != ".." {
		return path
	}
	sum := sha256.Sum256([]byte(path))
	return "file-" + hex.EncodeToString(sum[:8])
}

// keyPaths says which key goes to which path, where they are not all the same.
func keyPaths(files map[string]hclconfig.FileContent) []corev1.KeyToPath {
	var out []corev1.KeyToPath
	same := true
	for _, path := range slices.Sorted(maps.Keys(files)) {
		out = append(out, corev1.KeyToPath{Key: fileKey(path), Path: path})
		same = same && fileKey(path) == path
	}
	if same {
		return nil
	}
	return out
}
