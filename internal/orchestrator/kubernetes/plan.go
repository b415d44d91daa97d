package kubernetes

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/clusterform/clusterform/hclconfig"
	"github.com/clusterform/clusterform/internal/orchestrator"
	"github.com/clusterform/clusterform/planner"
	"github.com/clusterform/clusterform/planner/resource"
)

// Workload turns a block, all of whose values are known, into what is recorded of it and the objects to apply. The key is of
// the installation and stays: digests of secrets are made under it.
func Workload(c *hclconfig.Cluster, w *hclconfig.Workload, key []byte) (*resource.Workload, planner.Content, error) {
	objects, err := Objects(w, Options{Version: c.Version, RevisionKey: key})
	if err != nil {
		return nil, planner.Content{}, err
	}
	secret := slices.ContainsFunc(objects, isSecret)
	content, err := contentOf(objects, secret, key)
	if err != nil {
		return nil, planner.Content{}, fmt.Errorf("%s: %w", w.Address, err)
	}
	return &resource.Workload{
		Orchestrator: string(hclconfig.Kubernetes), Namespace: w.Namespace, Name: orchestrator.Name(&w.Block), Type: string(w.Kind),
		Attributes: orchestrator.Attributes(w, key), Content: content.Digest,
	}, content, nil
}

// Manifest does the same for a raw object. Sensitive values, and the data of a Secret, are digests in its attributes.
func Manifest(_ *hclconfig.Cluster, m *hclconfig.Manifest, key []byte) (*resource.Manifest, planner.Content, error) {
	u, err := ManifestObject(m, false)
	if err != nil {
		return nil, planner.Content{}, fmt.Errorf("%s: %w", m.Address, err)
	}
	if u.GetName() == "" {
		return nil, planner.Content{}, fmt.Errorf("%s: its object has no metadata.name; without one it cannot be found again", m.Address)
	}
	encodeSecret(u)
	content, err := contentOf([]*unstructured.Unstructured{u}, isSecret(u) || m.Object.ContainsMarked(), key)
	if err != nil {
		return nil, planner.Content{}, fmt.Errorf("%s: %w", m.Address, err)
	}
	return &resource.Manifest{
		APIVersion: u.GetAPIVersion(), ObjectKind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName(),
		Attributes: manifestAttributes(m, isSecret(u), key), Content: content.Digest, Wait: m.Wait,
	}, content, nil
}

func contentOf(objects []*unstructured.Unstructured, secret bool, key []byte) (planner.Content, error) {
	list := make([]any, 0, len(objects))
	for _, u := range objects {
		list = append(list, u.Object)
	}
	data, err := json.Marshal(list)
	if err != nil {
		return planner.Content{}, err
	}
	return planner.Content{Digest: orchestrator.ContentDigest(key, data), Data: data, Secret: secret}, nil
}

// ParseContent reads the objects that a Content's Data lists.
func ParseContent(data []byte) ([]*unstructured.Unstructured, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, fmt.Errorf("reading the objects to apply: %w", err)
	}
	out := make([]*unstructured.Unstructured, 0, len(list))
	for i, text := range list {
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON(text); err != nil { // keeps whole numbers whole
			return nil, fmt.Errorf("reading object %d of those to apply failed; it has no apiVersion and kind", i+1)
		}
		out = append(out, u)
	}
	return out, nil
}

// encodeSecret puts a Secret's stringData into its data, as the API does: whose value a key's is, is only known of data.
func encodeSecret(u *unstructured.Unstructured) {
	plain, ok := u.Object["stringData"].(map[string]any)
	if !ok || !isSecret(u) {
		return
	}
	data, _ := u.Object["data"].(map[string]any)
	all := maps.Clone(data)
	if all == nil {
		all = map[string]any{}
	}
	for k, v := range plain {
		s, ok := v.(string)
		if !ok {
			return // the API says what is wrong with it
		}
		all[k] = base64.StdEncoding.EncodeToString([]byte(s))
	}
	u.Object["data"] = all
	delete(u.Object, "stringData")
}

func isSecret(u *unstructured.Unstructured) bool {
	return u.GetKind() == "Secret" && u.GetAPIVersion() == "v1"
}
