package workload

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/clusterform/clusterform/internal/orchestrator/kubernetes"
	"github.com/clusterform/clusterform/planner/resource"
)

// workloadKinds are the kinds that a workload is made of, with the name of their list. They are the same in every version
// that clusterform puts up, so nobody is asked for them.
var workloadKinds = map[string]schema.GroupVersionResource{
	"ConfigMap":               {Version: "v1", Resource: "configmaps"},
	"Secret":                  {Version: "v1", Resource: "secrets"},
	"PersistentVolumeClaim":   {Version: "v1", Resource: "persistentvolumeclaims"},
	"Service":                 {Version: "v1", Resource: "services"},
	"Pod":                     {Version: "v1", Resource: "pods"},
	"Deployment":              {Group: "apps", Version: "v1", Resource: "deployments"},
	"DaemonSet":               {Group: "apps", Version: "v1", Resource: "daemonsets"},
	"ReplicaSet":              {Group: "apps", Version: "v1", Resource: "replicasets"},
	"ControllerRevision":      {Group: "apps", Version: "v1", Resource: "controllerrevisions"},
	"Job":                     {Group: "batch", Version: "v1", Resource: "jobs"},
	"CronJob":                 {Group: "batch", Version: "v1", Resource: "cronjobs"},
	"HorizontalPodAutoscaler": {Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"},
	"PodDisruptionBudget":     {Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
}

// key tells the objects of a cluster apart: "Deployment/default/web".
type key struct{ kind, namespace, name string }

func (k key) String() string { return k.kind + "/" + k.namespace + "/" + k.name }

// text is the key in sentences.
func (k key) text() string {
	if k.namespace == "" {
		return fmt.Sprintf("%s %q", k.kind, k.name)
	}
	return fmt.Sprintf("%s %q in namespace %q", k.kind, k.name, k.namespace)
}

func keyOf(u *unstructured.Unstructured) string { return keyFor(u).String() }

func keyFor(u *unstructured.Unstructured) key { return key{u.GetKind(), u.GetNamespace(), u.GetName()} }

func parseKey(s string) (key, bool) {
	parts := strings.SplitN(s, "/", 3)
	if len(parts) != 3 {
		return key{}, false
	}
	return key{parts[0], parts[1], parts[2]}, true
}

// keysOf are the recorded objects of a block.
func keysOf(s resource.Spec) []key {
	var out []key
	switch s := s.(type) {
	case *resource.Workload:
		for _, o := range s.Objects {
			if k, ok := parseKey(o); ok {
				out = append(out, k)
			}
		}
	case *resource.Manifest:
		out = append(out, key{s.ObjectKind, s.Namespace, s.Name})
	}
	return out
}

// gvkOf is the type of a block's object of that kind.
func gvkOf(s resource.Spec, kind string) schema.GroupVersionKind {
	if m, ok := s.(*resource.Manifest); ok {
		return schema.FromAPIVersionAndKind(m.APIVersion, m.ObjectKind)
	}
	gvr := workloadKinds[kind]
	return schema.GroupVersionKind{Group: gvr.Group, Version: gvr.Version, Kind: kind}
}

// idOf names a block's object among those of all clusters.
func idOf(o *resource.Object) string {
	where := ""
	switch s := o.Spec.(type) {
	case *resource.Workload:
		where = s.Namespace + "/" + s.Name
	case *resource.Manifest:
		kind := gvkOf(s, "").GroupKind().String()
		where = strings.TrimPrefix(kind+"/"+s.Namespace+"/"+s.Name, "/")
	}
	return where + "@" + o.UID[:min(8, len(o.UID))]
}

// describe is what an intent says of a block.
func describe(s resource.Spec) map[string]string {
	switch s := s.(type) {
	case *resource.Workload:
		return map[string]string{"orchestrator": s.Orchestrator, "namespace": s.Namespace, "name": s.Name, "type": s.Type}
	case *resource.Manifest:
		return map[string]string{"api_version": s.APIVersion, "object_kind": s.ObjectKind, "namespace": s.Namespace, "name": s.Name}
	}
	return map[string]string{}
}

// contentOf reads the objects that a block wants.
func contentOf(rt resource.Runtime, digest string) ([]*unstructured.Unstructured, error) {
	data, ok := rt.Blob(digest)
	if !ok {
		return nil, fmt.Errorf("the plan does not hold the objects to apply (%.12s): make the plan again", digest)
	}
	return kubernetes.ParseContent(data)
}

// digestOf is the Content of either kind.
func digestOf(s resource.Spec) string {
	switch s := s.(type) {
	case *resource.Workload:
		return s.Content
	case *resource.Manifest:
		return s.Content
	}
	return ""
}

// setLive puts down what was found of the objects; nil is nothing.
func setLive(s resource.Spec, live map[string]string, objects []string) {
	slices.Sort(objects)
	objects = slices.Compact(objects)
	switch s := s.(type) {
	case *resource.Workload:
		s.Live, s.Objects = live, objects
	case *resource.Manifest:
		s.Live = live
	}
}

// controllerOf finds the object that makes the pods.
func controllerOf(objects []*unstructured.Unstructured) *unstructured.Unstructured {
	i := slices.IndexFunc(objects, func(u *unstructured.Unstructured) bool {
		return slices.Contains([]string{"Deployment", "DaemonSet", "StatefulSet", "Job", "CronJob", "Pod"}, u.GetKind())
	})
	if i < 0 {
		return nil
	}
	return objects[i]
}

// number reads a whole number of an object, 0 where there is none.
func number(u *unstructured.Unstructured, path ...string) int64 {
	n, _, _ := unstructured.NestedInt64(u.Object, path...)
	return n
}

func numberOr(u *unstructured.Unstructured, usual int64, path ...string) int64 {
	n, ok, err := unstructured.NestedInt64(u.Object, path...)
	if !ok || err != nil {
		return usual
	}
	return n
}

// condition is one of status.conditions.
type condition struct{ status, reason, message string }

func conditionOf(u *unstructured.Unstructured, typ string) (condition, bool) {
	list, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, e := range list {
		m, ok := e.(map[string]any)
		if ok && m["type"] == typ {
			text := func(name string) string { s, _ := m[name].(string); return s }
			return condition{text("status"), text("reason"), text("message")}, true
		}
	}
	return condition{}, false
}
